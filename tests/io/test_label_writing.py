"""Names of structures in a .seg.nrrd: whatever they are, the file is written and read back."""

from pathlib import Path

import numpy as np
import pytest
import slicerio
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.errors import OutputError
from amcnet.io import (
    GRID_EXTENSIONS,
    Geometry,
    read_labels,
    read_segments,
    read_volume,
    write_image,
    write_labels,
)
from amcnet.io.segment_list import make_segments, segmentation_fields

GEOMETRY = Geometry.canonical((4, 5, 6), (0.3, 0.2, 0.1))
LABELS = (np.arange(120).reshape(4, 5, 6) % 3).astype(np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        "Wirbelkörper",
        "指骨",
        "a|b~c^d",
        "x:=y",
        "back\\slash\\n",
        "\N{SKULL}" * 200,
        "# no comment",
        "\ufeffmark",
    ],
)
def test_any_name_is_written_and_found_again(tmp_path: Path, name: str) -> None:
    codes = {"FMA": "1"}
    table = LabelTable((Structure(1, name, codes=codes), Structure(2, "other")))
    path = tmp_path / "a.seg.nrrd"
    write_labels(path, LABELS, GEOMETRY, table)
    labels = read_labels(path, table)
    np.testing.assert_array_equal(labels.array, LABELS)
    assert labels.remarks == ()
    first, second = read_segments(path)
    assert first.name.isprintable()
    assert (first.codes, second.name) == ((("FMA", "1"),), "other")
    header = path.read_bytes().partition(b"\n\n")[0].decode("utf-8")
    assert all(line.isprintable() for line in header.split("\n"))


@given(st.text(min_size=1).filter(lambda name: name.isprintable() and name == name.strip()))
def test_printable_names_stay_as_they_are(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("names") / "a.seg.nrrd"
    table = LabelTable((Structure(1, name), Structure(2, "other\\")))
    write_labels(path, LABELS, GEOMETRY, table)
    expected = " ".join(name.split())
    assert [segment.name for segment in read_segments(path)] == [expected, "other\\"]


def test_the_segment_list_is_that_of_slicerio(tmp_path: Path) -> None:
    segments = make_segments(hand_label_table(), GEOMETRY.size)
    segmentation = {"voxels": LABELS.T, "ijkToLPS": np.eye(4), "segments": segments}
    segmentation["containedRepresentationNames"] = ["Binary labelmap"]
    slicerio.write_segmentation(str(tmp_path / "a.seg.nrrd"), segmentation)
    header = (tmp_path / "a.seg.nrrd").read_bytes().partition(b"\n\n")[0].decode()
    expected = dict(line.split(":=") for line in header.split("\n") if ":=" in line)
    assert segmentation_fields(segments) == expected


@pytest.mark.parametrize("name", ["A.NII.GZ", "A.NRRD", "A.Seg.Nrrd", "a.MHA", "a.Nii"])
def test_the_case_of_an_extension_does_not_matter(tmp_path: Path, name: str) -> None:
    write_labels(tmp_path / name, LABELS, GEOMETRY, LabelTable.from_names(["a", "b"]))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_labels(tmp_path / name).array, LABELS)


@pytest.mark.parametrize("extension", GRID_EXTENSIONS)
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "int64", "float16", "float64", ">i2"])
def test_types_that_are_written(tmp_path: Path, extension: str, dtype: str) -> None:
    path = tmp_path / f"a{extension}"
    write_image(path, LABELS.astype(dtype), GEOMETRY)
    np.testing.assert_array_equal(read_volume(path).array, LABELS.astype(dtype))
    with pytest.raises(OutputError, match="voxels are complex64, expected integers or floats"):
        write_image(path, LABELS.astype(np.complex64), GEOMETRY, overwrite=True)
