from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import LabelTable
from amcnet.data.case_check import CaseResult, check_case
from amcnet.data.label_files import LabelNames
from amcnet.data.pairing import Case

NAMES = LabelNames(LabelTable.from_names(["a", "b", "c"]))
SHAPE = (6, 8, 10)
SPACING = (0.5, 0.25, 0.125)
ROTATED = sitk.VersorTransform((0.3, 0.5, 0.8), 0.6).GetMatrix()


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 200, SHAPE).astype(np.int16)


def blocks() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:5, 3:6] = 1
    labels[3:5, 2:5, 3:6] = 3
    return labels


def check(image: Path, labels: Path, names: LabelNames | None = NAMES) -> CaseResult:
    return check_case(Case("x", (image,), labels), image.parent, names)


def only_error(result: CaseResult) -> str:
    (problem,) = result.problems
    assert (problem.severity, problem.case) == ("error", "x")
    return problem.what


@pytest.mark.parametrize("extension", [".nrrd", ".nii.gz", ".mha"])
@pytest.mark.parametrize("label_extension", [".nrrd", ".nii.gz", ".mha"])
def test_a_good_case_is_measured(tmp_path, write_volume, extension, label_extension):
    image = write_volume(tmp_path / f"x{extension}", noise(), SPACING, (-3, 4, 5), ROTATED)
    path = tmp_path / f"x_label{label_extension}"
    labels = write_volume(path, blocks(), SPACING, (-3, 4, 5), ROTATED)
    result = check(image, labels)
    assert result.problems == ()
    properties = result.properties
    assert properties.name == "x"
    assert properties.spacing_mm == pytest.approx(SPACING)
    assert properties.shape == SHAPE
    assert properties.voxels == {0: 480 - 36, 1: 18, 3: 18}
    (channel,) = properties.channels
    assert channel.mean == pytest.approx(noise().mean())
    foreground = noise()[blocks() > 0]
    assert sorted(channel.sample) == sorted(foreground)
    assert channel.foreground.mean == pytest.approx(foreground.mean())
    assert channel.foreground.percentile_99_5 == pytest.approx(np.percentile(foreground, 99.5))


def test_ignored_voxels_are_counted_but_not_sampled(tmp_path, write_volume):
    image = write_volume(tmp_path / "x.nrrd", noise())
    labels = blocks()
    labels[5] = 9
    path = write_volume(tmp_path / "y.nrrd", labels)
    result = check(image, path, LabelNames(NAMES.table, ignore_value=9))
    assert result.problems == ()
    assert result.properties.voxels[9] == 80
    assert len(result.properties.channels[0].sample) == 36
    assert only_error(check(image, path)) == ("y.nrrd: label values 9 were found, expected 0 to 3")
    path = write_volume(path, np.where(labels == 9, labels, 0))
    result = check(image, path, LabelNames(NAMES.table, ignore_value=9))
    (problem,) = result.problems
    assert problem.severity == "warning"
    assert "holds no structure" in problem.what


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({"spacing_mm": (0.5, 0.5, 0.125)}, ["spacing (0.5, 0.25, 0.125) against (0.5, 0.5, 0.1"]),
        ({"origin_mm": (0, 1, 0)}, ["origin (0, 0, 0) against (0, 1, 0) mm"]),
        ({"direction": ROTATED}, ["direction (0, 0, 1, 0, 1, 0, 1, 0, 0) against ("]),
        ({"array": blocks()[1:]}, ["size (6, 8, 10) against (5, 8, 10) voxels"]),
        (
            {"array": blocks()[:, 1:], "spacing_mm": (1, 1, 1), "origin_mm": (9, 0, 0)},
            ["size (6, 8, 10) against (6, 7, 10)", "against (1, 1, 1) mm", "(9, 0, 0) mm"],
        ),
    ],
)
def test_different_grids_are_shown_with_both_values(tmp_path, write_volume, changes, texts):
    image = write_volume(tmp_path / "x.nii.gz", noise(), SPACING)
    arguments = {"array": blocks(), "spacing_mm": SPACING} | changes
    result = check(image, write_volume(tmp_path / "y.mha", **arguments))
    what = only_error(result)
    assert what.startswith("y.mha: image and labels lie on different grids: ")
    assert all(text in what for text in texts)
    assert result.properties is None
    assert result.digest is not None


def test_all_that_is_wrong_with_one_case_is_found(tmp_path, write_volume):
    array = noise().astype(np.float32)
    array[0, 0, :3] = (np.nan, np.inf, -np.inf)
    labels = blocks().astype(np.float32)
    labels[0, 0, 0] = 2.5
    for extension in (".nrrd", ".nii.gz", ".mha"):
        image = write_volume(tmp_path / f"x{extension}", array)
        path = write_volume(tmp_path / f"y{extension}", labels, (0.5, 0.25, 0.25))
        problems = check(image, path).problems
        assert [problem.what.partition(": ")[2][:40] for problem in problems] == [
            "found fractions in 1 voxel, expected label values"[:40],
            "found NaN or infinity in 3 voxels, expected finite"[:40],
            "image and labels lie on different grids: spacing"[:40],
        ]


@pytest.mark.parametrize("shape", [(8, 10), (2, 6, 8, 10)])
def test_images_that_are_not_3d(tmp_path, write_volume, shape):
    labels = write_volume(tmp_path / "y.nrrd", blocks())
    path = tmp_path / "x.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones(shape, np.uint8), isVector=False), str(path))
    assert "expected a 3D image" in only_error(check(path, labels))


def test_values_without_a_name(tmp_path, write_volume):
    image = write_volume(tmp_path / "x.nrrd", noise())
    path = write_volume(tmp_path / "y.nrrd", blocks())
    names = LabelNames(LabelTable.from_names(["a", "b", "unused 3"]), placeholders=(3,))
    assert only_error(check(image, path, names)) == (
        "y.nrrd: label values 3 were found, expected values with a name"
    )
    assert check(image, path, LabelNames(names.table)).problems == ()
    assert check(image, path, None).problems == ()


def test_constant_image(tmp_path, write_volume):
    image = write_volume(tmp_path / "x.mha", np.full(SHAPE, 7, np.uint8))
    result = check(image, write_volume(tmp_path / "y.mha", blocks()))
    (problem,) = result.problems
    assert (problem.severity, problem.what) == ("warning", "x.mha: all voxels have the value 7")
    assert result.properties is not None


def test_channels_on_different_grids(tmp_path, write_volume):
    images = (
        write_volume(tmp_path / "x_0000.nrrd", noise(), SPACING),
        write_volume(tmp_path / "x_0001.nrrd", noise(1), (0.5, 0.25, 0.5)),
        write_volume(tmp_path / "x_0002.nrrd", noise(2), SPACING),
    )
    labels = write_volume(tmp_path / "x.nrrd", blocks(), SPACING)
    result = check_case(Case("x", images, labels), tmp_path, NAMES)
    assert only_error(result) == (
        "x_0001.nrrd: lies on another grid than the case's first image: "
        "spacing (0.5, 0.25, 0.125) against (0.5, 0.25, 0.5) mm, expected the same"
    )
    assert result.properties is None
    good = check_case(Case("x", images[::2], labels), tmp_path, NAMES)
    assert [channel.mean for channel in good.properties.channels] == pytest.approx(
        [noise().mean(), noise(2).mean()]
    )


def test_cropped_segmentations_are_fine(tmp_path, write_volume, write_segmentation):
    image = write_volume(tmp_path / "x.nrrd", noise(), SPACING)
    cropped = blocks()[1:5, 2:5, 3:6]
    path = tmp_path / "x.seg.nrrd"
    write_segmentation(path, cropped, {"c": 3, "a": 1}, SPACING, (1, 2, 3))
    whole = write_volume(tmp_path / "y.nrrd", blocks(), SPACING)
    result = check(image, path)
    assert result.problems == ()
    assert result.properties == check(image, whole).properties
    np.testing.assert_array_equal(
        result.properties.channels[0].sample, check(image, whole).properties.channels[0].sample
    )
    write_segmentation(path, cropped, {"c": 3, "a": 1}, SPACING, (1, 2, 3.5))
    assert "different grids" in only_error(check(image, path))
    write_segmentation(path, cropped, {"c": 3, "a": 1}, SPACING, (3, 2, 3))
    assert only_error(check(image, path)) == (
        "x.seg.nrrd: 9 labelled voxels lie outside the image, expected all of them inside"
    )
