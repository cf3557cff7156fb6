"""NRRD headers that promise more than there is, and fields that are no text."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError, NotEnoughMemoryError
from amcnet.io import Geometry, read_labels, read_volume, write_labels


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["hand.nrrd", "hand.nhdr"])
def test_more_voxels_than_the_file_can_hold(tmp_path: Path, compress: bool, name: str) -> None:
    path = tmp_path / name
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 9, (5, 6, 7), np.uint16))
    sitk.WriteImage(image, str(path), compress)
    content = path.read_bytes()
    for sizes in (b"70 60 500", b"9999999999 9999999999 9999999999"):
        path.write_bytes(content.replace(b"sizes: 7 6 5", b"sizes: " + sizes))
        with pytest.raises(InputError, match="the file is truncated or damaged, found") as caught:
            read_volume(path)
        assert not isinstance(caught.value, NotEnoughMemoryError)
    for sizes in (b"7 6 0", b"7 -6 5", b"7 6 x", b""):
        path.write_bytes(content.replace(b"sizes: 7 6 5", b"sizes: " + sizes))
        with pytest.raises(InputError, match=r"sizes are '.*', expected positive numbers"):
            read_volume(path)


@pytest.mark.parametrize("lie", [b"(1,0,0)!", b"(1,0,0) (", b"(1,0,0", b"(1,0)", b"1,0,0)"])
def test_axes_that_are_no_numbers(tmp_path: Path, lie: bytes) -> None:
    path = tmp_path / "hand.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 6, 7), np.uint8)), str(path))
    content = path.read_bytes()
    assert content.count(b"(1,0,0)") == 1
    path.write_bytes(content.replace(b"(1,0,0)", lie))
    with pytest.raises(InputError, match="hand"):
        read_volume(path)


def test_zeros_compress_as_far_as_they_can(tmp_path: Path) -> None:
    path = tmp_path / "hand.nrrd"
    image = sitk.GetImageFromArray(np.zeros((300, 300, 300), np.uint8))
    sitk.WriteImage(image, str(path), True, 9)
    assert path.stat().st_size < 300**3 / 900
    assert read_volume(path).array.shape == (300, 300, 300)


def test_a_segment_field_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "hand.seg.nrrd"
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[2, 2, 2] = 3
    write_labels(path, labels, Geometry.canonical((5, 6, 7), (1, 1, 1)), hand_label_table())
    content = path.read_bytes()
    for found, lie in (
        (b"Segment7_Name:", b"Segment7_N\xe4me:"),
        (b"Segment7_Name:", b"Segment\xb2_Name:"),
        (b"Segment7_ID:=Seg", b"Segment7_ID:=\xff\xfe"),
    ):
        assert content.count(found) == 1
        path.write_bytes(content.replace(found, lie))
        np.testing.assert_array_equal(read_labels(path, hand_label_table()).array, labels)
