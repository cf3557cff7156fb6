import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.settings import AugmentationConfig
from amcnet.training.transforms.spatial import (
    SpatialTransform,
    draw_spatial_transform,
    resample_window,
    sampling_grid,
)

CPU = torch.device("cpu")
SPACING = (0.8, 1.3, 0.5)
SHAPE = (9, 60, 80)
SEEDS = st.integers(0, 2**32)


def centroid_mm(labels: torch.Tensor) -> np.ndarray:
    """From the window's centre."""
    index = np.argwhere(labels.numpy() > 0).mean(axis=0)
    return (index - (np.array(labels.shape) - 1) / 2) * SPACING


def move(labels: torch.Tensor, movement: SpatialTransform) -> tuple[torch.Tensor, torch.Tensor]:
    grid = sampling_grid(movement, labels.shape, SPACING, CPU)
    image, moved = resample_window(labels.float()[None], labels, grid)
    return image[0], moved


def block(lateral: int = 40, depth: int = 50) -> torch.Tensor:
    labels = torch.zeros(SHAPE, dtype=torch.uint8)
    labels[2:7, lateral - 4 : lateral + 4, depth - 8 : depth + 8] = 5
    return labels


def positions(grid: torch.Tensor) -> np.ndarray:
    """Voxel coordinates (axis, scan, lateral, depth) that a grid takes voxels from."""
    half = np.array(SHAPE)[:, None, None, None] / 2
    return grid.movedim(-1, 0).flip(0).numpy() * half + half - 0.5


@pytest.mark.parametrize("angle", [-30, -8, 12, 40])
def test_rotation_turns_a_block_in_millimetres(angle):
    before = centroid_mm(block())
    image, labels = move(block(), SpatialTransform(angle_deg=angle))
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    expected = (before[0], c * before[1] - s * before[2], s * before[1] + c * before[2])
    np.testing.assert_allclose(centroid_mm(labels), expected, atol=0.15)
    assert (labels > 0).sum() == pytest.approx(int((block() > 0).sum()), rel=0.05)
    assert image.sum() == pytest.approx(float(block().sum()), rel=0.02)


@pytest.mark.parametrize("angles", [(0, 20, 0), (0, 0, -15), (10, -20, 12)])
def test_turns_are_those_of_scipy(angles):
    roll, yaw, pitch = angles
    before = torch.zeros(50, 50, 80, dtype=torch.uint8)
    before[30:36, 32:38, 20:32] = 5
    _, labels = move(before, SpatialTransform(angle_deg=roll, yaw_deg=yaw, pitch_deg=pitch))
    # Right-handed turns about the fixed axes; the second one runs from depth towards scan.
    turn = Rotation.from_euler("zyx", (yaw, -pitch, roll), degrees=True)
    np.testing.assert_allclose(centroid_mm(labels), turn.apply(centroid_mm(before)), atol=0.3)


def test_shift_and_scale_are_those_asked_for():
    movement = SpatialTransform(scale=(0.8, 1.25, 0.9), shift_mm=(3.9, -5.0))
    _, labels = move(block(), movement)
    expected = centroid_mm(block()) * movement.scale + (0, 3.9, -5.0)
    # The nearest label is up to half a voxel off.
    assert np.all(np.abs(centroid_mm(labels) - expected) <= 0.51 * np.array(SPACING))
    extents = [len(np.unique(along)) for along in np.nonzero(labels.numpy())]
    np.testing.assert_allclose(extents, (5 * 0.8, 8 * 1.25, 16 * 0.9), atol=1)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_sampling_is_that_of_scipy(seed):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(2, *SHAPE, generator=generator)
    labels = torch.randint(1, 256, SHAPE, generator=generator, dtype=torch.uint8)
    movement = draw_spatial_transform(AugmentationConfig(), WindowRandom(seed, CPU), SHAPE, SPACING)
    grid = sampling_grid(movement, SHAPE, SPACING, CPU)
    moved, moved_labels = resample_window(image, labels, grid)
    where = positions(grid)
    for channel in range(2):
        expected = map_coordinates(image[channel].numpy(), where, order=1, mode="nearest")
        np.testing.assert_allclose(moved[channel], expected, atol=2e-3)
    safe = np.abs(where - np.floor(where) - 0.5).min(axis=0) > 1e-3  # no tie in rounding
    nearest = np.rint(where).astype(int)
    size = np.array(SHAPE)[:, None, None, None]
    outside = ((nearest < 0) | (nearest >= size)).any(axis=0)
    expected = np.where(outside, 0, labels.numpy()[tuple(np.clip(nearest, 0, size - 1))])
    np.testing.assert_array_equal(moved_labels.numpy()[safe], expected[safe])


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_elastic_change_is_smooth_and_does_not_fold(seed):
    strongest = AugmentationConfig(
        elastic_mm=5, elastic_scan_mm=5, rotation_deg=20, yaw_deg=20, pitch_deg=20
    )
    movement = draw_spatial_transform(strongest, WindowRandom(seed, CPU), SHAPE, SPACING)
    where = positions(sampling_grid(movement, SHAPE, SPACING, CPU))
    slopes = [[np.gradient(place, axis=axis) for axis in range(3)] for place in where]
    assert np.linalg.det(np.moveaxis(np.array(slopes), (0, 1), (-2, -1))).min() > 0.1
    displacement = movement.elastic_mm
    assert displacement.abs().max() <= 5 + 1e-4
    for axis, spacing in enumerate(SPACING, start=1):
        assert displacement.diff(dim=axis).abs().max() <= 2 * 5 / 24 * spacing + 1e-4


def test_draws_stay_within_their_ranges():
    limits = AugmentationConfig(
        rotation_deg=10, yaw_deg=5, pitch_deg=3, scale=0.2, shift=0.1, elastic_mm=0
    )
    drawn = [
        draw_spatial_transform(limits, WindowRandom(n, CPU), SHAPE, SPACING) for n in range(300)
    ]
    angles = [m.angle_deg for m in drawn]
    assert -10 <= min(angles) < -9
    assert 9 < max(angles) <= 10
    for limit, turns in ((5, [m.yaw_deg for m in drawn]), (3, [m.pitch_deg for m in drawn])):
        assert 0.9 * limit < max(turns) <= limit
        assert 0.9 * limit < -min(turns) <= limit
    scales = np.array([m.scale for m in drawn])
    assert np.all((scales >= 0.8) & (scales <= 1.2))
    assert np.ptp(scales, axis=0).min() > 0.38
    shifts = np.array([m.shift_mm for m in drawn])
    most = 0.1 * np.array(SHAPE[1:]) * SPACING[1:]
    assert np.all(np.abs(shifts) <= most)
    assert np.all(np.abs(shifts).max(axis=0) > 0.95 * most)
    assert all(m.elastic_mm is None for m in drawn)


def test_no_movement_is_the_identity():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, *SHAPE, generator=generator)
    labels = torch.randint(256, SHAPE, generator=generator, dtype=torch.uint8)
    moved, moved_labels = resample_window(
        image, labels, sampling_grid(SpatialTransform(), SHAPE, SPACING, CPU)
    )
    torch.testing.assert_close(moved, image, atol=1e-4, rtol=0)
    assert torch.equal(moved_labels, labels)
