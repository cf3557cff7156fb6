from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError
from amcnet.io import (
    Geometry,
    Volume,
    label_grid_problem,
    labels_on_grid,
    read_labels,
    volume_from_image,
    write_labels,
)

SIZE = (9, 7, 6)  # x, y, z
ROTATIONS = {
    "identity": np.eye(3),
    "turned": np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "oblique": np.array(sitk.VersorTransform((0.3, 0.5, 0.8), 0.6).GetMatrix()).reshape(3, 3),
}
SLICER = Path("hand.seg.nrrd")


def label_image(rotation: str, low: tuple[int, ...], high: tuple[int, ...]) -> sitk.Image:
    """Labels 1 to 9 in a box (x, y, z) of an image, 0 elsewhere."""
    array = np.zeros(SIZE[::-1], np.uint8)
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    array[box] = np.random.default_rng(3).integers(1, 10, array[box].shape)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.088, 0.13, 0.279))
    image.SetOrigin((-30.0, 12.5, 100.0))
    image.SetDirection(ROTATIONS[rotation].ravel())
    return image


def as_volume(image: sitk.Image, path: Path | None = SLICER) -> Volume:
    return volume_from_image(image, path=path)


def boxes() -> st.SearchStrategy[list[tuple[int, int]]]:
    ends = [st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True) for n in SIZE]
    return st.tuples(*ends).map(lambda axes: [tuple(sorted(pair)) for pair in axes])


@given(boxes(), st.sampled_from(sorted(ROTATIONS)))
def test_cropping_by_simpleitk_is_undone(box, rotation):
    low, high = zip(*box, strict=True)
    whole = label_image(rotation, low, high)
    size = [b - a for a, b in zip(low, high, strict=True)]
    cropped = as_volume(sitk.RegionOfInterest(whole, size, low))
    expected = as_volume(whole)
    pasted = labels_on_grid(cropped, expected.geometry)
    np.testing.assert_array_equal(pasted, expected.array)
    assert pasted.dtype == np.uint8


@given(st.tuples(*[st.integers(0, 3)] * 6))
def test_a_larger_segmentation_is_cut(pad):
    image = label_image("oblique", (1, 1, 1), (4, 4, 4))
    padded = sitk.ConstantPad(image, pad[:3], pad[3:], 0)
    expected = as_volume(image)
    np.testing.assert_array_equal(
        labels_on_grid(as_volume(padded), expected.geometry), expected.array
    )


def test_labels_outside_the_image_are_counted():
    whole = label_image("turned", (0, 0, 0), SIZE)
    image = as_volume(sitk.RegionOfInterest(whole, (9, 7, 4), (0, 0, 0))).geometry
    with pytest.raises(InputError, match=f"^{9 * 7 * 2} labelled voxels lie outside the image"):
        labels_on_grid(as_volume(whole), image)
    far = Volume(as_volume(whole).array, moved(image, (100.0 * 0.088, 0, 0)), SLICER)
    with pytest.raises(InputError, match="lie on different grids"):
        labels_on_grid(far, image)


def moved(geometry: Geometry, by_mm: tuple[float, float, float]) -> Geometry:
    x, y, z = np.add(geometry.origin_mm, by_mm)
    return Geometry.from_grid(geometry.size, geometry.spacing_mm, (x, y, z), geometry.direction)


def test_equal_grids_give_the_same_array():
    labels = as_volume(label_image("oblique", (0, 0, 0), (2, 2, 2)), path=None)
    assert labels_on_grid(labels, labels.geometry) is labels.array


def test_only_segmentations_of_slicer_may_be_cropped():
    whole = label_image("identity", (1, 1, 1), (3, 3, 3))
    image = as_volume(whole).geometry
    for path in (Path("hand.nrrd"), Path("hand.nii.gz"), None):
        cropped = as_volume(sitk.RegionOfInterest(whole, (8, 7, 6), (0, 0, 0)), path)
        expected = r"size \(6, 7, 9\) against \(6, 7, 8\) voxels, expected the same"
        with pytest.raises(InputError, match=expected):
            labels_on_grid(cropped, image)


def test_all_that_differs_is_said_with_both_values():
    image = as_volume(label_image("identity", (1, 1, 1), (3, 3, 3))).geometry
    other = Geometry.from_grid(
        (8, 7, 6), (0.1, 0.13, 0.279), (0.0, 12.5, 100.0), tuple(ROTATIONS["oblique"].ravel())
    )
    problem = label_grid_problem(SLICER, other, image)
    assert problem is not None
    assert "size (6, 7, 9) against (6, 7, 8) voxels; " in problem
    assert "spacing (0.279, 0.13, 0.088) against (0.279, 0.13, 0.1) mm; direction (" in problem
    assert "origin (-30, 12.5, 100) against (0, 12.5, 100) mm" in problem
    assert label_grid_problem(SLICER, image, image) is None


@pytest.mark.parametrize(("shift", "fits"), [(0.0, True), (1.0, True), (0.5, False), (0.1, False)])
def test_between_voxels_is_no_lattice(shift, fits):
    image = as_volume(label_image("identity", (1, 1, 1), (3, 3, 3))).geometry
    problem = label_grid_problem(SLICER, moved(image, (0, 0, shift * 0.279)), image)
    assert (problem is None) == fits


def test_a_segmentation_may_be_cropped_whatever_its_name(tmp_path: Path) -> None:
    """A .seg.nrrd that somebody called .nrrd is a segmentation still."""
    whole = np.zeros((6, 7, 8), np.uint8)
    whole[2:4, 3:5, 4:6] = 1
    geometry = Geometry.canonical((6, 7, 8), (1.0, 1.0, 1.0))
    write_labels(tmp_path / "a.seg.nrrd", whole, geometry, hand_label_table())
    saved = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    image = sitk.RegionOfInterest(saved, (4, 3, 3), (3, 2, 1))
    for key in saved.GetMetaDataKeys():
        if key.startswith("Segment"):
            image.SetMetaData(key, saved.GetMetaData(key))
    for name in ("a.nrrd", "a.seg.nhdr"):
        sitk.WriteImage(image, str(tmp_path / name))
        labels = read_labels(tmp_path / name)
        assert labels.array.shape == (3, 3, 4)
        np.testing.assert_array_equal(labels_on_grid(labels, geometry), whole)
