import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from amcnet.labelmaps.region import extent_mm, principal_extents_mm
from amcnet.labelmaps.region_finding import find_regions

SPACING_MM = np.array([0.279, 0.26, 0.176])


def solid_of(mask, spacing_mm=SPACING_MM):
    return find_regions(mask.astype(np.uint8), 2, np.asarray(spacing_mm))[0]


def rasterised(inside, size_mm, rotation, offset_mm=(0.05, -0.03, 0.02)):
    """Set the voxels whose centre lies in a solid of semi-axes size / 2, turned by the rotation."""
    reach = np.ceil((np.linalg.norm(size_mm) / 2 + 1) / SPACING_MM).astype(int)
    axes = [np.arange(-n, n + 1) * s for n, s in zip(reach, SPACING_MM, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - offset_mm
    return inside((points @ rotation) / (np.asarray(size_mm) / 2))


def in_box(unit):
    return (np.abs(unit) <= 1).all(axis=-1)


def in_ellipsoid(unit):
    return (unit**2).sum(axis=-1) <= 1


def in_cylinder(unit):
    return (np.abs(unit[..., 0]) <= 1) & ((unit[..., 1:] ** 2).sum(axis=-1) <= 1)


@pytest.mark.parametrize("shape", [(20, 8, 5), (5, 30, 9), (3, 4, 25)])
def test_axis_aligned_box_measures_voxels_times_spacing(shape):
    mask = np.zeros((24, 34, 30), dtype=bool)
    mask[tuple(slice(2, 2 + n) for n in shape)] = True
    expected = sorted(np.array(shape) * SPACING_MM, reverse=True)
    np.testing.assert_allclose(principal_extents_mm(solid_of(mask)), expected, rtol=1e-12)


def test_one_voxel_has_the_size_of_a_voxel():
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[1, 2, 0] = True
    solid = solid_of(mask)
    np.testing.assert_allclose(principal_extents_mm(solid), SPACING_MM)
    np.testing.assert_allclose(solid.centroid_mm, np.array([1, 2, 0]) * SPACING_MM)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("inside", "size_mm"),
    [
        (in_box, (20.0, 8.0, 5.0)),
        (in_box, (9.0, 6.0, 2.5)),
        (in_cylinder, (20.0, 5.0, 5.0)),
        (in_ellipsoid, (12.0, 8.0, 5.0)),
    ],
)
def test_oblique_solids_are_right_to_one_per_cent_or_half_a_voxel(inside, size_mm, seed):
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    extents = principal_extents_mm(solid_of(rasterised(inside, size_mm, rotation)))
    for extent, expected in zip(extents, size_mm, strict=True):
        assert extent == pytest.approx(expected, rel=0.01, abs=SPACING_MM.max() / 2)


@pytest.mark.parametrize("spacing_mm", [(0.3, 0.3, 0.3), (0.279, 0.13, 0.088)])
@pytest.mark.parametrize("axis", range(3))
def test_round_ends_along_the_grid_are_found_between_its_planes(axis, spacing_mm):
    """The place of a ball in the grid does not show: its planes lie anywhere below the tip."""
    direction, radius_mm = np.eye(3)[axis], 3.0
    reach = np.ceil(radius_mm / np.array(spacing_mm)).astype(int) + 1
    for part in np.linspace(0, 0.9, 4):
        axes = [np.arange(-n, n + 1) * s for n, s in zip(reach, spacing_mm, strict=True)]
        axes[axis] = axes[axis] + part * spacing_mm[axis]
        square = sum(a**2 for a in np.meshgrid(*axes, indexing="ij", sparse=True))
        found_mm = extent_mm(solid_of(square <= radius_mm**2, spacing_mm), direction)
        assert found_mm == pytest.approx(2 * radius_mm, abs=spacing_mm[axis] / 2)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    share=st.floats(0.01, 1),
    spacing_mm=st.tuples(*[st.floats(0.1, 2)] * 3),
    direction=st.tuples(*[st.floats(-1, 1)] * 3),
)
def test_extents_lie_between_those_of_the_centres_and_those_of_the_voxels(
    seed, share, spacing_mm, direction
):
    axis = np.array(direction) if np.linalg.norm(direction) > 0.1 else np.eye(3)[0]
    axis = axis / np.linalg.norm(axis)
    mask = np.random.default_rng(seed).random((6, 7, 8)) < share
    mask[3, 3, 3] = True
    found_mm = extent_mm(solid_of(mask, spacing_mm), axis)
    centres_mm = np.ptp(np.argwhere(mask) * spacing_mm @ axis)
    voxel_mm = np.abs(axis) @ spacing_mm
    assert centres_mm - 1e-9 <= found_mm <= centres_mm + 2 * voxel_mm + 1e-9
    turned_mm = extent_mm(solid_of(mask[::-1, ::-1, ::-1], spacing_mm), -axis)
    assert turned_mm == pytest.approx(found_mm)


def test_moments_equal_those_of_a_list_of_all_voxels():
    mask = np.random.default_rng(3).random((9, 7, 8)) < 0.3
    solid = solid_of(mask)
    points = np.argwhere(mask) * SPACING_MM
    assert solid.voxels == len(points)
    np.testing.assert_allclose(solid.centroid_mm, points.mean(axis=0))
    within_voxel = np.diag(SPACING_MM**2 / 12)
    np.testing.assert_allclose(solid.covariance_mm2, np.cov(points.T, bias=True) + within_voxel)


def test_surface_of_a_cube_leaves_out_its_core():
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[0:4, 0:4, 0:4] = True
    surface = solid_of(mask, (1.0, 1.0, 1.0)).surface_mm
    assert len(surface) == 4**3 - 2**3
    assert not np.any(((surface > 0) & (surface < 3)).all(axis=1))
