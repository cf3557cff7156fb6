from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.io import Geometry, volume_from_image
from amcnet.viewer import DisplayGrid
from amcnet.viewer.display_grid import DisplayImage, index_to_patient
from amcnet.viewer.window_presets import window_presets


def oblique_image(shape: tuple[int, int, int]) -> sitk.Image:
    """Return an image (z, y, x) that is turned, with axes in another order and one flipped."""
    rng = np.random.default_rng(3)
    image = sitk.GetImageFromArray(rng.integers(0, 255, shape).astype(np.uint8))
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.3, -0.2, 0.5)
    matrix = np.array(turn.GetMatrix()).reshape(3, 3) @ np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]])
    image.SetDirection(matrix.ravel().tolist())
    image.SetSpacing((0.4, 0.7, 1.1))
    image.SetOrigin((-31.0, 12.0, 77.0))
    return image


def read_nifti(content: bytes, folder: Path) -> sitk.Image:
    path = folder / "shown.nii"
    path.write_bytes(content)
    return sitk.ReadImage(str(path))


def test_every_voxel_lies_where_its_index_says_and_keeps_its_intensity(tmp_path: Path) -> None:
    """SimpleITK reads what the page gets: mm from the first voxel, towards -LPS of NIfTI's RAS."""
    volume = volume_from_image(oblique_image((9, 11, 7)))
    grid = DisplayGrid.of(volume.geometry)
    shown = read_nifti(grid.nifti_image(grid.image(volume.array)), tmp_path)
    scan_mm, lateral_mm, depth_mm = volume.spacing_mm
    for (scan, lateral, depth), intensity in np.ndenumerate(volume.array):
        left, back, top = (lateral * lateral_mm, depth * depth_mm, -scan * scan_mm)
        place = shown.TransformPhysicalPointToContinuousIndex((left, back, top))
        nearest = [round(value) for value in place]
        assert place == pytest.approx(nearest, abs=1e-3)
        assert shown[nearest] == intensity


def test_left_and_right_are_not_exchanged() -> None:
    """A turn keeps the hand; a mirror image would show a left hand as a right one."""
    grid = DisplayGrid.of(Geometry.canonical((4, 5, 6), (1.0, 2.0, 3.0)))
    canonical_ras = np.diag([-1.0, -1.0, 1.0])  # of (depth, lateral, scan) in LPS
    turn = (grid.affine[:3, :3] / [3.0, 2.0, 1.0]) @ np.linalg.inv(canonical_ras)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert turn @ turn.T == pytest.approx(np.eye(3))


def test_a_larger_volume_keeps_its_field_of_view(tmp_path: Path) -> None:
    geometry = volume_from_image(oblique_image((20, 45, 33))).geometry
    grid = DisplayGrid.of(geometry, largest_side=16)
    assert grid.shape == (16, 16, 16)
    first = np.array(grid.to_page_mm(np.full(3, -0.5)))
    last = np.array(grid.to_page_mm(np.full(3, 15.5)))
    scan_mm, lateral_mm, depth_mm = geometry.canonical_spacing_mm
    scan, lateral, depth = geometry.canonical_shape
    assert first == pytest.approx([lateral_mm / 2, depth_mm / 2, scan_mm / 2])
    assert last == pytest.approx(
        [(0.5 - lateral) * lateral_mm, (0.5 - depth) * depth_mm, (0.5 - scan) * scan_mm]
    )


def test_a_block_stays_where_it_is_when_shrunk(tmp_path: Path) -> None:
    image = oblique_image((24, 40, 32)) * 0
    image[8:16, 10:20, 6:12] = 200
    volume = volume_from_image(image)
    grid = DisplayGrid.of(volume.geometry, largest_side=16)
    shown = read_nifti(grid.nifti_image(grid.image(volume.array)), tmp_path)
    grey = sitk.GetArrayFromImage(shown).astype(float)
    index = [float((grey * axis).sum() / grey.sum()) for axis in np.indices(grey.shape)]
    found = shown.TransformContinuousIndexToPhysicalPoint(index[::-1])
    middle = np.argwhere(volume.array).mean(axis=0) * volume.spacing_mm
    assert found == pytest.approx((middle[1], middle[2], -middle[0]), abs=0.1)
    labels = grid.labels((volume.array > 0).astype(np.uint8))
    share = labels.mean() / (volume.array > 0).mean()
    assert 0.8 < share < 1.2


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_other_intensities_are_shown_by_their_own_values(dtype: type, tmp_path: Path) -> None:
    volume = volume_from_image(oblique_image((6, 7, 8)))
    grid = DisplayGrid.of(volume.geometry)
    original = (volume.array.astype(dtype) - 100) * 7
    image = grid.image(original)
    assert (image.voxels.min(), image.voxels.max()) == (0, 255)
    assert image.range == pytest.approx(np.percentile(original, (0.1, 99.9)), abs=1e-3)
    shown = sitk.GetArrayFromImage(read_nifti(grid.nifti_image(image), tmp_path))
    inside = (original >= image.range[0]) & (original <= image.range[1])
    assert np.abs(shown - original)[inside].max() <= image.slope / 2 + 1e-3
    assert not grid.image(np.full(grid.shape, 5, dtype)).voxels.any()


def test_windows_hold_the_intensities_that_they_are_for() -> None:
    rng = np.random.default_rng(0)
    tissue, bone = rng.integers(40, 80, 9000), rng.integers(200, 240, 1000)
    voxels = np.concatenate([np.zeros(5000), tissue, bone]).astype(np.uint8).reshape(10, 30, 50)
    windows = {one.name: one for one in window_presets(DisplayImage(voxels, 2.0, -10.0))}
    assert (windows["Full range"].low, windows["Full range"].high) == (-10.0, 500.0)
    assert windows["Soft tissue"].low == pytest.approx(2 * 40 - 10, abs=4)
    assert windows["Soft tissue"].high < 2 * 201 - 10  # bone is white
    assert windows["Bone"].low > windows["Soft tissue"].low
    assert windows["Bone"].high == pytest.approx(2 * 239 - 10, abs=4)
    empty = window_presets(DisplayImage(np.zeros((2, 2, 2), np.uint8)))
    assert [one.name for one in empty] == ["Full range"]
    flat = window_presets(DisplayImage(np.full((2, 2, 2), 7, np.uint8)))
    assert all(one.high > one.low for one in flat)


def test_only_a_header_that_turns_the_volume_knows_the_patient() -> None:
    shape, spacing_mm = (4, 5, 6), (1.0, 2.0, 3.0)
    assert index_to_patient(Geometry.canonical(shape, spacing_mm)) is None
    flipped = Geometry.from_grid(
        shape, spacing_mm, (0.0, 0.0, 0.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)
    )
    assert index_to_patient(flipped) is None
    image = oblique_image((9, 11, 7))
    volume = volume_from_image(image)
    matrix = index_to_patient(volume.geometry)
    assert matrix is not None
    stored = sitk.GetArrayFromImage(image)
    value = stored.max()
    place = np.argwhere(stored == value)[0][::-1].tolist()
    found = np.argwhere(volume.array == value)
    left, back, top = image.TransformIndexToPhysicalPoint(place)
    points = found @ matrix[:, :3].T + matrix[:, 3]
    assert np.abs(points - [-left, -back, top]).sum(axis=1).min() < 1e-6
