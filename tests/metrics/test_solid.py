import numpy as np
import pytest
from scipy.ndimage import find_objects
from scipy.spatial.transform import Rotation

from amcnet.metrics.solid import crop_solid, principal_extents_mm

SPACING_MM = np.array([0.279, 0.26, 0.176])


def solid_of(mask, spacing_mm=SPACING_MM):
    labels = mask.astype(np.uint8)
    return crop_solid(labels, 1, find_objects(labels)[0], np.asarray(spacing_mm))


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
