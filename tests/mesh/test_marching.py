"""Marching cubes against closed forms, and closed whatever the field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.mesh.marching import marching_cubes


def assert_closed(triangles: np.ndarray) -> None:
    """Every edge occurs once in each direction: closed, manifold edges, one orientation."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    codes = edges[:, 0] * (triangles.max() + 1) + edges[:, 1]
    back = edges[:, 1] * (triangles.max() + 1) + edges[:, 0]
    assert np.unique(codes).size == codes.size
    assert np.array_equal(np.sort(codes), np.sort(back))


def volume_of(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_the_surface_of_any_mask_is_closed(seed, share):
    mask = np.random.default_rng(seed).random((7, 6, 8)) < share
    mask[3, 3, 3] = True
    points, triangles = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5)
    assert_closed(triangles)
    assert np.unique(triangles).size == len(points)
    assert volume_of(points, triangles) > 0


def test_all_cases_on_a_single_cube():
    for case in range(1, 256):
        mask = np.array([case >> bit & 1 for bit in range(8)], np.float32).reshape(2, 2, 2)
        points, triangles = marching_cubes(np.pad(mask, 1), 0.5)
        assert_closed(triangles)
        # Corners that touch along an edge or in a corner of the grid alone stay apart or join by
        # the same rule everywhere, so each part of the surface is a sphere.
        euler = len(points) - 3 * len(triangles) // 2 + len(triangles)
        assert euler % 2 == 0
        assert euler >= 2


def test_sphere_has_its_volume_area_and_topology():
    radius, steps = 14.3, np.arange(-17, 18, dtype=np.float32)
    grid = np.meshgrid(steps, steps, steps, indexing="ij")
    points, triangles = marching_cubes(radius - np.sqrt(sum(g**2 for g in grid)), 0.0)
    assert_closed(triangles)
    assert len(points) - 3 * len(triangles) / 2 + len(triangles) == 2
    assert volume_of(points, triangles) == pytest.approx(4 / 3 * np.pi * radius**3, rel=5e-3)
    assert np.abs(np.linalg.norm(points - 17, axis=1) - radius).max() < 0.05
    corners = points[triangles] - 17
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert 0.5 * np.linalg.norm(normals, axis=1).sum() == pytest.approx(
        4 * np.pi * radius**2, rel=1e-2
    )
    assert (np.einsum("ij,ij->i", normals, corners.mean(axis=1)) > 0).all()


def test_torus_has_a_hole():
    steps = np.arange(-12, 13, dtype=np.float32)
    x, y, z = np.meshgrid(steps, steps, steps, indexing="ij")
    field = 3.2 - np.hypot(np.hypot(x, y) - 7.5, z)
    points, triangles = marching_cubes(field.astype(np.float32), 0.0)
    assert_closed(triangles)
    assert len(points) - 3 * len(triangles) / 2 + len(triangles) == 0
    assert volume_of(points, triangles) == pytest.approx(2 * np.pi**2 * 7.5 * 3.2**2, rel=0.03)


def test_box_loses_the_chamfers_of_its_edges_and_corners_only():
    mask = np.zeros((8, 9, 10), np.float32)
    mask[2:6, 2:7, 2:8] = 1  # 4 x 5 x 6 voxels
    points, triangles = marching_cubes(mask, 0.5)
    # Each edge loses a prism of a half times a half over two for every length of it between the
    # outermost samples (3, 4 and 5, four times each); each corner, an eighth of a voxel where those
    # leave off, keeps the simplex of its three half edges: a sixth of an eighth.
    expected = 4 * 5 * 6 - 4 * (3 + 4 + 5) / 8 - 8 * (1 / 8 - 1 / 48)
    assert volume_of(points, triangles) == pytest.approx(expected)
