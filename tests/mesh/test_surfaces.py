"""Surfaces of labels: where they lie, which way they face, how large they are."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io import Geometry, Volume
from amcnet.mesh import Surface, find_surfaces

TABLE = LabelTable.from_names(["ball", "box", "absent"])
SPACING_MM = (0.9, 0.5, 0.3)  # x, y, z
SIZE = (24, 36, 44)


def geometry(direction: np.ndarray, size=SIZE, spacing_mm=SPACING_MM) -> Geometry:
    return Geometry.from_grid(size, spacing_mm, (12.0, -34.0, 56.0), tuple(direction.ravel()))


def volume_of(function, grid: Geometry) -> Volume:
    """Label 1 where a function of patient coordinates (..., 3), in mm, is true."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    index = np.stack([x, y, z], axis=-1) * np.array(grid.spacing_mm)
    patient = index @ np.array(grid.direction).reshape(3, 3).T + np.array(grid.origin_mm)
    stored = function(patient).astype(np.uint8).transpose(2, 1, 0)
    return Volume(grid.to_canonical(stored), grid)


def centre_mm(grid: Geometry) -> np.ndarray:
    half = (np.array(grid.size) - 1) / 2 * np.array(grid.spacing_mm)
    return np.array(grid.direction).reshape(3, 3) @ half + np.array(grid.origin_mm)


def one(volume: Volume, smooth_mm: float | None = None) -> Surface:
    (surface,) = find_surfaces(volume, TABLE, smooth_mm=smooth_mm)
    return surface


OBLIQUE = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
DIRECTIONS = [
    np.eye(3),
    np.diag([-1.0, -1.0, 1.0]),
    np.diag([1.0, -1.0, 1.0]),  # left-handed
    np.eye(3)[[2, 0, 1]],
    np.eye(3)[[1, 0, 2]],  # left-handed
    OBLIQUE,
    OBLIQUE @ np.diag([1.0, 1.0, -1.0]),  # left-handed
]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("smooth_mm", [0.0, 0.9])
def test_ball_lies_where_it_is_and_faces_outward(direction, smooth_mm):
    grid, radius = geometry(direction), 4.5
    middle = centre_mm(grid)
    volume = volume_of(lambda p: np.linalg.norm(p - middle, axis=-1) < radius, grid)
    surface = one(volume, smooth_mm)
    assert surface.points_mm.mean(axis=0) == pytest.approx(middle, abs=0.05)
    distance = np.linalg.norm(surface.points_mm - middle, axis=1)
    assert np.abs(distance - radius).max() < (0.6 if smooth_mm == 0 else 0.25)
    assert surface.volume_mm3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    corners = surface.points_mm[surface.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.einsum("ij,ij->i", normals, corners.mean(axis=1) - middle)
    assert (outward > 0).all()


@pytest.mark.parametrize("smooth_mm", [None, 0.3, 1.0])
def test_smoothing_keeps_the_volume_of_thin_things(smooth_mm):
    labels = np.zeros((44, 36, 24), np.uint8)
    labels[8:36, 10:14, 9:12] = 1  # a rod of 8.4 x 2 x 2.7 mm
    surface = one(Volume(labels, geometry(np.eye(3))), smooth_mm)
    assert surface.volume_mm3 == pytest.approx(8.4 * 2 * 2.7, rel=0.12)


def test_a_structure_that_fills_the_volume_is_closed_at_its_border():
    labels = np.ones((44, 36, 24), np.uint8)
    surface = one(Volume(labels, geometry(np.eye(3))), 0.0)
    edges = surface.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert sorted(map(tuple, edges)) == sorted(map(tuple, edges[:, ::-1]))
    low, high = surface.points_mm.min(axis=0), surface.points_mm.max(axis=0)
    # Out to the faces of the outermost voxels.
    assert low == pytest.approx(np.array([12, -34, 56]) - np.array(SPACING_MM) / 2)
    assert high - low == pytest.approx(np.array(SIZE) * SPACING_MM)


def test_single_voxel_stays_there_whatever_the_smoothing():
    labels = np.zeros((44, 36, 24), np.uint8)
    labels[20, 20, 20] = 2
    for smooth_mm in (0.0, 0.3, 2.0):
        surface = one(Volume(labels, geometry(np.eye(3))), smooth_mm)
        assert surface.structure.name == "box"
        expected = np.array([12, -34, 56]) + 20 * np.array(SPACING_MM)
        assert surface.points_mm.mean(axis=0) == pytest.approx(expected)


def test_only_the_structures_that_are_wanted_and_there():
    labels = np.zeros((44, 36, 24), np.uint8)
    labels[5:9, 5:9, 5:9], labels[20:30, 20:25, 3:9] = 1, 2
    volume = Volume(labels, geometry(np.eye(3)))
    assert [s.structure.name for s in find_surfaces(volume, TABLE)] == ["ball", "box"]
    assert [s.structure.name for s in find_surfaces(volume, TABLE, {2, 3})] == ["box"]


@pytest.mark.parametrize("smooth_mm", [-0.1, float("nan"), float("inf")])
def test_smoothing_is_a_length(smooth_mm):
    volume = Volume(np.ones((4, 4, 4), np.uint8), geometry(np.eye(3), (4, 4, 4)))
    with pytest.raises(InputError, match=r"smoothing is .* expected 0 or more"):
        list(find_surfaces(volume, TABLE, smooth_mm=smooth_mm))
