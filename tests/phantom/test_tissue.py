from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from amcnet.anatomy import hand_label_table
from amcnet.phantom import PhantomConfig, PhantomGrid
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand, mirror
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

GRID = PhantomGrid((152, 128, 64), (1.116, 1.04, 0.704))
FINER = PhantomGrid((340, 170, 64), (0.5, 0.78, 0.704))


def hand_of(seed: int, grid: PhantomGrid) -> Hand:
    return draw_hand(np.random.default_rng(seed), PhantomConfig(grid))


@pytest.fixture(scope="module")
def whole() -> Slab:
    return Voxeliser(hand_of(0, GRID), GRID).slab(0, GRID.shape[0])


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_every_structure_is_there_in_one_piece(seed):
    labels = Voxeliser(hand_of(seed, FINER), FINER).slab(0, FINER.shape[0]).labels
    boxes = find_objects(labels)
    assert len(boxes) == 38
    for value, box in enumerate(boxes, start=1):
        assert box is not None, value
        assert label(labels[box] == value, np.ones((3, 3, 3)))[1] == 1, value


@pytest.mark.parametrize("step", [1, 7, 50])
def test_slabs_equal_one_whole_pass(whole, step):
    voxeliser = Voxeliser(hand_of(0, GRID), GRID)
    first, last = (60, 70) if step == 1 else (0, GRID.shape[0])
    slabs = [voxeliser.slab(a, min(a + step, last)) for a in range(first, last, step)]
    for name in ("labels", "tissue", "skin_mm"):
        joined = np.concatenate([getattr(slab, name) for slab in slabs])
        np.testing.assert_array_equal(joined, getattr(whole, name)[first:last])


def test_volume_of_each_structure_agrees_with_its_solid():
    hand = hand_of(0, FINER)
    labels = Voxeliser(hand, FINER).slab(0, FINER.shape[0]).labels
    rng = np.random.default_rng(0)
    for value in (5, 14, 22, 38):
        solid = hand.structures[value]
        low, high = solid.bounds_mm(0.0)
        points = rng.uniform(low, high, (40_000, 3)).astype(np.float32)
        volume = np.mean(solid.distance_mm(*points.T) < 0) * np.prod(high - low)
        voxels = np.count_nonzero(labels == value) * np.prod(FINER.spacing_mm)
        assert voxels == pytest.approx(volume, rel=0.08)


def test_labelled_voxels_are_bone_or_epiphysis(whole):
    table = hand_label_table()
    for value in np.unique(whole.labels)[1:]:
        expected = Tissue.EPIPHYSIS if table[int(value)].kind == "epiphysis" else Tissue.CORTEX
        assert np.all(whole.tissue[whole.labels == value] == expected)


def test_all_tissues_occur_and_bone_lies_under_the_skin(whole):
    # Blood comes with the veins of a scan, which are no part of the hand's solids.
    assert set(np.unique(whole.tissue)) == {int(t) for t in Tissue if t != Tissue.BLOOD}
    assert np.all(whole.skin_mm[whole.labels > 0] < 0)


def test_water_and_soft_tissue_are_told_apart_by_the_skin(whole):
    assert np.all(whole.skin_mm[whole.tissue == Tissue.WATER] >= 0)
    assert np.all(whole.skin_mm[whole.tissue == Tissue.SOFT] < 0)


def test_skin_distance_grows_away_from_the_skin_at_its_own_pace(whole):
    near = np.abs(whole.skin_mm) < 2
    steepest = np.abs(np.diff(whole.skin_mm, axis=2))[near[:, :, 1:]] / GRID.spacing_mm[2]
    assert np.percentile(steepest, 99) < 1.5
    assert np.median(steepest) > 0.2


def test_the_wrist_has_bone_without_labels(whole):
    unlabelled = (whole.tissue == Tissue.CORTEX) & (whole.labels == 0)
    proximal = np.nonzero(unlabelled.any(axis=(1, 2)))[0]
    assert len(proximal) > 0
    labelled = np.nonzero((whole.labels > 0).any(axis=(1, 2)))[0]
    assert proximal.max() > labelled.max()


@dataclass(frozen=True)
class Box:
    """A solid whose signed distance is known exactly, times a factor."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]
    factor: float = 1.0

    def bounds_mm(self, margin_mm, scan_range_mm=None):
        return np.array(self.low_mm) - margin_mm, np.array(self.high_mm) + margin_mm

    def distance_mm(self, scan, lateral, depth):
        outside = [
            np.maximum(low - at, at - high)
            for at, low, high in zip((scan, lateral, depth), self.low_mm, self.high_mm, strict=True)
        ]
        deepest = np.maximum(np.maximum(outside[0], outside[1]), outside[2])
        beyond = np.sqrt(sum(np.maximum(d, 0) ** 2 for d in outside))
        return (self.factor * np.where(deepest > 0, beyond, deepest)).astype(np.float32)


BLOCK_GRID = PhantomGrid((24, 120, 100), (1.0, 0.5, 0.4))


def block(factor: float = 1.0, **parts) -> Voxeliser:
    """Return a block of flesh, 12 mm deep, from lateral 20 to 40 mm."""
    bare = {"structures": {}, "cartilage": (), "wrist": (), "tendons": ()}
    flesh = (Box((-90.0, 20.0, 12.0), (90.0, 40.0, 90.0), factor),)
    hand = replace(hand_of(0, GRID), **(bare | {"flesh": flesh} | parts))
    return Voxeliser(hand, BLOCK_GRID)


def test_skin_distance_of_a_block_is_exact_in_reach():
    skin = block().slab(0, 24).skin_mm
    expected = Box((-90.0, 20.0, 12.0), (90.0, 40.0, 90.0)).distance_mm(
        BLOCK_GRID.axis_mm(0)[:, None, None],
        BLOCK_GRID.axis_mm(1)[None, :, None],
        BLOCK_GRID.axis_mm(2)[None, None, :],
    )
    followed = np.abs(expected) < 10
    # Samples are every fourth voxel: only corners are rounded off.
    assert np.percentile(np.abs(skin - expected)[followed], 95) < 0.1
    assert np.abs(skin - expected)[followed].max() < 1.0
    assert np.all(skin[expected > 14] > 7)


def test_later_solids_replace_earlier_ones_and_labels_come_last():
    tendon = Box((0.0, 25.0, 15.0), (23.0, 35.0, 30.0))
    wrist = Box((0.0, 25.0, 20.0), (23.0, 35.0, 30.0))
    bone = Box((0.0, 25.0, 25.0), (23.0, 35.0, 30.0))
    slab = block(tendons=(tendon,), wrist=(wrist,), structures={7: bone}).slab(0, 24)
    column, depth = slab.tissue[10, 60], BLOCK_GRID.axis_mm(2)
    assert set(column[(depth > 12.5) & (depth < 14.5)]) == {Tissue.SOFT}
    assert set(column[(depth > 15.5) & (depth < 19.5)]) == {Tissue.TENDON}
    assert set(column[(depth > 20.5) & (depth < 29.5)]) == {Tissue.CORTEX}
    np.testing.assert_array_equal(slab.labels[10, 60] == 7, (depth > 25) & (depth < 30))


def test_overlapping_structures_share_the_voxels_by_depth():
    left = Box((0.0, 22.0, 15.0), (23.0, 32.0, 30.0))
    right = Box((0.0, 28.0, 15.0), (23.0, 38.0, 30.0))
    labels = block(structures={3: left, 9: right}).slab(0, 24).labels[12, :, 55]
    lateral = BLOCK_GRID.axis_mm(1)
    assert set(labels[(lateral > 22.5) & (lateral < 29.5)]) == {3}
    assert set(labels[(lateral > 30.5) & (lateral < 37.5)]) == {9}


@pytest.mark.parametrize("seed", [0, 4])
@pytest.mark.parametrize("grid", [GRID, PhantomGrid((90, 127, 50), (1.9, 1.05, 0.9))])
def test_mirrored_hand_gives_the_mirrored_voxels(seed, grid):
    hand = hand_of(seed, grid)
    there, here = (Voxeliser(h, grid).slab(0, grid.shape[0]) for h in (mirror(hand, grid), hand))
    np.testing.assert_allclose(there.skin_mm[:, ::-1], here.skin_mm, atol=2e-3)
    # A surface may pass through a voxel's centre: rounding decides there.
    assert np.mean(there.tissue[:, ::-1] != here.tissue) < 1e-4
    assert np.mean(there.labels[:, ::-1] != here.labels) < 1e-4


def test_only_skin_that_slopes_counts_as_beside_slopes():
    near = block().beside_slopes(0, 24, 3.0)[12]
    lateral, depth = BLOCK_GRID.axis_mm(1)[:, None], BLOCK_GRID.axis_mm(2)[None, :]
    above = (lateral > 24) & (lateral < 36) & (depth < 10)
    assert near[above].max() < 0.01
    assert near[((lateral < 20 - 15) | (lateral > 40 + 15)) & (depth < 90)].max() < 0.01
    beside = np.squeeze((lateral < 20) & (lateral > 8))
    profile = near[beside, 75]
    distance = 20 - BLOCK_GRID.axis_mm(1)[beside]
    # A vertical face: 1 at the skin, then at most exponential, nothing far away.
    assert np.all(profile <= np.exp(-distance / 3) + 0.02)
    assert np.all(np.diff(profile) >= 0)
    assert profile[-1] > 0.7
    assert profile[0] < 1e-3
    assert 0 <= near.min() <= near.max() <= 1


@pytest.mark.parametrize("part", [(0, 5), (7, 8), (13, 24)])
def test_beside_slopes_of_a_part_equals_the_whole(part):
    voxeliser = Voxeliser(hand_of(1, GRID), GRID)
    start, stop = part[0] + 70, part[1] + 70
    whole = voxeliser.beside_slopes(0, GRID.shape[0], 3.0)
    np.testing.assert_allclose(
        voxeliser.beside_slopes(start, stop, 3.0), whole[start:stop], atol=1e-6
    )


def test_haze_fades_out_without_an_edge():
    # Distances of flat flesh are approximate: far to its sides they are too small.
    near = block(factor=0.5).beside_slopes(0, 24, 5.0)
    steps = np.abs(np.diff(near, axis=1))
    lateral = BLOCK_GRID.axis_mm(1)[1:]
    away = (lateral < 16) | (lateral > 44)
    # exp(-d / 5) changes by at most a tenth over half a millimetre, and much less out there.
    assert steps[:, away].max() < 0.04


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 9), (5, 1, 9), (5, 7, 1), (5, 7, 9)])
@pytest.mark.parametrize("spacing", [0.05, 1.0, 20.0])
def test_slabs_of_any_shape(shape, spacing):
    voxeliser = Voxeliser(hand_of(0, GRID), PhantomGrid(shape, (spacing,) * 3))
    slab = voxeliser.slab(0, shape[0])
    for field in (slab.labels, slab.tissue, slab.skin_mm, voxeliser.beside_slopes(0, shape[0], 2)):
        assert field.shape == shape
        assert np.all(np.isfinite(field))
