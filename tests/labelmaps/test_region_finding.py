import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, find_objects, gaussian_filter

from amcnet.labelmaps import region_finding as solids
from amcnet.labelmaps.region_finding import find_regions

SPACING_MM = np.array([0.279, 0.26, 0.176])


def assert_equal_to_erosion_and_lists(labels, num_classes):
    """Compare with what SciPy erodes and with moments of a list of all voxels."""
    found = find_regions(labels, num_classes, SPACING_MM)
    boxes = find_objects(labels, num_classes - 1)
    assert len(found) == num_classes - 1
    for value, (solid, box) in enumerate(zip(found, boxes, strict=True), start=1):
        assert (solid is None) == (box is None)
        if box is None:
            continue
        mask = labels == value
        points_mm = np.argwhere(mask) * SPACING_MM
        within_voxel = np.diag(SPACING_MM**2 / 12)
        covariance = np.cov(points_mm.T, bias=True).reshape(3, 3) + within_voxel
        assert solid.voxels == len(points_mm)
        assert solid.box == box
        np.testing.assert_allclose(solid.centroid_mm, points_mm.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(solid.covariance_mm2, covariance, atol=1e-12)
        surface_mm = np.argwhere(mask & ~binary_erosion(mask)) * SPACING_MM
        np.testing.assert_allclose(solid.surface_mm, surface_mm, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    classes=st.integers(2, 5),
    share=st.floats(0, 1),
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.int64]),
    seed=st.integers(0, 2**16),
)
def test_random_volumes(shape, classes, share, dtype, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, classes, shape) * (rng.random(shape) < share)
    assert_equal_to_erosion_and_lists(labels.astype(dtype), classes)


@pytest.mark.parametrize("slab_voxels", [1, 130, 400])
def test_slabs_do_not_show(monkeypatch, slab_voxels):
    field = gaussian_filter(np.random.default_rng(2).standard_normal((14, 11, 12)), 1.5)
    labels = np.digitize(field, np.quantile(field, [0.5, 0.7, 0.9])).astype(np.uint8)
    monkeypatch.setattr(solids, "_SLAB_VOXELS", slab_voxels)
    assert_equal_to_erosion_and_lists(labels, 5)


def test_views_that_are_not_contiguous():
    labels = np.random.default_rng(4).integers(0, 3, (8, 7, 6), dtype=np.uint8)
    assert_equal_to_erosion_and_lists(labels.transpose(2, 0, 1)[::-1], 3)


def test_nothing_labelled_and_nothing_at_all():
    for shape in ((3, 4, 5), (0, 4, 5), (3, 4, 0)):
        assert find_regions(np.zeros(shape, np.uint8), 4, SPACING_MM) == [None] * 3
