from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.io import volume_from_image
from amcnet.viewer import DisplayGrid


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


def test_every_voxel_keeps_its_place_and_grey(tmp_path: Path) -> None:
    image = oblique_image((9, 11, 7))
    volume = volume_from_image(image)
    grid = DisplayGrid.of(volume.geometry)
    shown = read_nifti(grid.nifti(grid.greys(volume.array)), tmp_path)
    assert sorted(shown.GetSize()) == sorted(image.GetSize())
    for index in np.ndindex(*shown.GetSize()):
        place = shown.TransformIndexToPhysicalPoint(index)
        inside = image.TransformPhysicalPointToContinuousIndex(place)
        nearest = [round(value) for value in inside]
        assert inside == pytest.approx(nearest, abs=1e-3)
        assert shown[index] == image[nearest]


def test_a_larger_volume_keeps_its_field_of_view_and_its_middle(tmp_path: Path) -> None:
    image = oblique_image((20, 45, 33))
    geometry = volume_from_image(image).geometry
    grid = DisplayGrid.of(geometry, largest_side=16)
    assert grid.shape == (16, 16, 16)
    shown = read_nifti(grid.nifti(np.zeros(grid.shape, np.uint8)), tmp_path)

    def corners(of: sitk.Image) -> np.ndarray:
        size = of.GetSize()
        ends = [[-0.5, n - 0.5] for n in size]
        points = [
            of.TransformContinuousIndexToPhysicalPoint((x, y, z))
            for x in ends[0]
            for y in ends[1]
            for z in ends[2]
        ]
        return np.array(sorted(np.round(points, 3).tolist()))

    assert np.allclose(corners(shown), corners(image), atol=2e-3)


def test_a_block_stays_where_it_is_when_shrunk(tmp_path: Path) -> None:
    image = oblique_image((24, 40, 32)) * 0
    image[8:16, 10:20, 6:12] = 200
    volume = volume_from_image(image)
    grid = DisplayGrid.of(volume.geometry, largest_side=16)
    shown = read_nifti(grid.nifti(grid.greys(volume.array)), tmp_path)

    def middle_mm(of: sitk.Image) -> np.ndarray:
        grey = sitk.GetArrayFromImage(of).astype(float)
        index = [float((grey * axis).sum() / grey.sum()) for axis in np.indices(grey.shape)]
        return np.array(of.TransformContinuousIndexToPhysicalPoint(index[::-1]))

    assert np.abs(middle_mm(shown) - middle_mm(image)).max() < 0.1
    labels = grid.labels((volume.array > 0).astype(np.uint8))
    share = labels.mean() / (volume.array > 0).mean()
    assert 0.8 < share < 1.2
    index = np.argwhere(labels)[0]
    right, front, top = grid.to_ras_mm(index)
    scan, lateral, depth = (int(value) for value in index)
    left_mm, back_mm, top_mm = shown.TransformIndexToPhysicalPoint((depth, lateral, scan))
    assert (-left_mm, -back_mm, top_mm) == pytest.approx((right, front, top), abs=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_other_greys_fill_the_range(dtype: type) -> None:
    image = oblique_image((6, 7, 8))
    volume = volume_from_image(image)
    grid = DisplayGrid.of(volume.geometry)
    greys = grid.greys((volume.array.astype(dtype) - 100) * 7)
    assert greys.dtype == np.uint8
    assert (greys.min(), greys.max()) == (0, 255)
    order = np.corrcoef(greys.ravel(), volume.array.ravel())[0, 1]
    assert order > 0.99
    assert not grid.greys(np.full(grid.shape, 5, dtype)).any()
