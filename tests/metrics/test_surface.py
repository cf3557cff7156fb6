import numpy as np
import pytest
from scipy.ndimage import (
    binary_erosion,
    distance_transform_edt,
    gaussian_filter,
)

from amcnet.labelmaps.region_finding import find_regions
from amcnet.metrics import surface_distances


def distances_of(reference, prediction, spacing_mm):
    surfaces = []
    for mask in (reference, prediction):
        (solid,) = find_regions(mask.astype(np.uint8), 2, np.asarray(spacing_mm, dtype=float))
        surfaces.append(solid.surface_mm)
    return surface_distances(*surfaces)


def blob(rng, shape, share):
    """A random shape that may be in several parts and touch the border."""
    field = gaussian_filter(rng.standard_normal(shape), 1.5)
    return field > np.quantile(field, 1 - share)


def assert_equals_monai(reference, prediction, spacing_mm, tolerance_mm=0.5):
    pytest.importorskip("torch")
    pytest.importorskip("monai")
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    pair = {
        "y_pred": torch.from_numpy(prediction)[None, None].float(),
        "y": torch.from_numpy(reference)[None, None].float(),
        "include_background": True,
        "spacing": tuple(float(value) for value in spacing_mm),
    }
    distances = distances_of(reference, prediction, spacing_mm)
    hausdorff = compute_hausdorff_distance(**pair, percentile=95)
    average = compute_average_surface_distance(**pair, symmetric=True)
    surface_dice = compute_surface_dice(**pair, class_thresholds=[tolerance_mm])
    assert distances.hd95_mm == pytest.approx(hausdorff.item(), abs=1e-5, rel=1e-6)
    assert distances.assd_mm == pytest.approx(average.item(), abs=1e-5, rel=1e-6)
    assert distances.surface_dice(tolerance_mm) == pytest.approx(surface_dice.item(), abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_random_shapes_equal_monai(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(6, 24, 3))
    spacing_mm = rng.uniform(0.1, 1.0, 3)
    reference, prediction = (blob(rng, shape, rng.uniform(0.02, 0.5)) for _ in range(2))
    assert_equals_monai(reference, prediction, spacing_mm, tolerance_mm=rng.uniform(0.1, 1.5))


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.279, 0.26, 0.176)])
def test_one_voxel_structures_equal_monai(spacing_mm):
    reference, prediction = np.zeros((2, 5, 6, 7), dtype=bool)
    reference[0, 0, 0] = True
    prediction[4, 5, 6] = True
    assert_equals_monai(reference, prediction, spacing_mm)


def test_shapes_that_fill_the_border_equal_monai():
    reference, prediction = np.ones((2, 6, 6, 6), dtype=bool)
    prediction[:, :, 3:] = False
    assert_equals_monai(reference, prediction, (0.3, 0.2, 0.5))


def test_tolerance_met_exactly_counts_as_within():
    reference, prediction = np.zeros((2, 1, 1, 5), dtype=bool)
    reference[..., 0] = True
    prediction[..., 3] = True
    # 3 * 0.1 is a little more than 0.3 in double precision.
    assert distances_of(reference, prediction, (1, 1, 0.1)).surface_dice(0.3) == 1.0
    assert_equals_monai(reference, prediction, (1, 1, 0.1), tolerance_mm=0.3)


def test_plates_at_a_known_distance():
    reference, prediction = np.zeros((2, 10, 6, 6), dtype=bool)
    reference[2] = True
    prediction[7] = True
    distances = distances_of(reference, prediction, (0.4, 1.0, 1.0))
    assert distances.hd95_mm == pytest.approx(2.0)
    assert distances.assd_mm == pytest.approx(2.0)
    assert distances.surface_dice(1.9) == 0.0


def test_concentric_spheres_differ_by_their_radii():
    grid = np.stack(np.meshgrid(*[np.arange(-15, 16)] * 3, indexing="ij"), axis=-1)
    radius = np.linalg.norm(grid, axis=-1)
    distances = distances_of(radius <= 8, radius <= 12, (0.5, 0.5, 0.5))
    assert distances.assd_mm == pytest.approx(2.0, abs=0.15)
    assert distances.hd95_mm == pytest.approx(2.0, abs=0.35)


def test_hd95_is_the_larger_direction_and_not_the_pool():
    reference, prediction = np.zeros((2, 1, 1, 40), dtype=bool)
    reference[..., :10] = True
    prediction[..., :11] = True
    prediction[..., 39] = True
    distances = distances_of(reference, prediction, (1, 1, 1))
    expected = np.percentile([0] * 10 + [1, 30], 95)
    assert distances.hd95_mm == pytest.approx(expected)
    assert distances_of(prediction, reference, (1, 1, 1)).hd95_mm == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_a_distance_transform_and_medpy_its_pool(seed):
    """Both directions in one pool are MedPy's HD95 (lower than ours) and ASSD (the same)."""
    rng = np.random.default_rng(seed)
    spacing_mm = rng.uniform(0.1, 1.0, 3)
    masks = [blob(rng, (12, 14, 10), share) for share in (0.1, 0.3)]
    borders = [mask & ~binary_erosion(mask) for mask in masks]
    there, back = (
        distance_transform_edt(~other, sampling=spacing_mm)[border]
        for border, other in (borders, borders[::-1])
    )
    distances = distances_of(*masks, spacing_mm)
    np.testing.assert_allclose(distances.reference_to_prediction_mm, there, atol=1e-9)
    np.testing.assert_allclose(distances.prediction_to_reference_mm, back, atol=1e-9)
    medpy_hd95 = np.percentile(np.hstack([there, back]), 95)
    assert medpy_hd95 <= distances.hd95_mm <= max(there.max(), back.max())
    assert distances.assd_mm == pytest.approx(np.hstack([there, back]).mean())


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("gap", [0, 4])
def test_cubes_beside_each_other(axis, gap):
    """The nearest voxel is straight ahead in the other's end plane, for every one of a plane."""
    side, step = 5, 0.25
    spacing_mm = np.full(3, 0.6)
    spacing_mm[axis] = step
    reference = np.zeros((16, 16, 16), dtype=bool)
    reference[1 : 1 + side, 1 : 1 + side, 1 : 1 + side] = True
    prediction = np.roll(reference, side + gap, axis)
    planes = [side**2, *[4 * (side - 1)] * (side - 2), side**2]
    expected_mm = np.repeat((side + gap - np.arange(side)) * step, planes)
    distances = distances_of(reference, prediction, spacing_mm)
    assert distances.hd95_mm == pytest.approx(np.percentile(expected_mm, 95))
    assert distances.assd_mm == pytest.approx(expected_mm.mean())
    nearest = (gap + 1) * step
    assert distances.surface_dice(nearest) == pytest.approx(side**2 / sum(planes))
    assert distances.surface_dice(nearest * 0.99) == 0.0
