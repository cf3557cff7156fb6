import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from amcnet.anatomy import hand_label_table
from amcnet.phantom import Grid
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand import Hand
from amcnet.phantom.recipe import Recipe
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

GRID = Grid((152, 128, 64), (1.116, 1.04, 0.704))
FINER = Grid((340, 170, 64), (0.5, 0.78, 0.704))


def hand_of(seed: int, grid: Grid) -> Hand:
    return draw_hand(np.random.default_rng(seed), Recipe(grid))


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
