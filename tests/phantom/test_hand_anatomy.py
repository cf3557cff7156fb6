import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.phantom import PhantomGrid
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import label_values, mirror, segments_of
from amcnet.phantom.phantom_config import PhantomConfig
from amcnet.phantom.tissue import Voxeliser

GRID = PhantomGrid((152, 128, 64), (1.116, 1.04, 0.704))
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
FINGERS = {1: "thumb", 2: "index finger", 3: "middle finger", 4: "ring finger", 5: "little finger"}


@pytest.mark.parametrize("ray", [1, 2, 3, 4, 5])
def test_label_values_agree_with_the_names_of_the_table(ray):
    table = hand_label_table()
    for segment in segments_of(ray):
        bone, epiphysis = label_values(ray, segment)
        place = f"{segment} of {FINGERS[ray]}"
        name = f"{ORDINALS[ray]} metacarpal bone" if segment == "metacarpal" else place
        assert table[bone].name == name
        assert table[epiphysis].name == f"epiphysis of {name}"


def test_label_values_cover_the_table_once():
    values = [v for ray in range(1, 6) for s in segments_of(ray) for v in label_values(ray, s)]
    assert sorted(values) == list(range(1, 39))
    assert label_values(2, "metacarpal") == (14, 13)


@pytest.mark.parametrize("seed", [0, 1])
def test_mirrored_hand_has_mirrored_labels(seed):
    hand = draw_hand(np.random.default_rng(seed), PhantomConfig(GRID))
    labels, mirrored = (
        Voxeliser(h, GRID).slab(0, GRID.shape[0]).labels for h in (hand, mirror(hand, GRID))
    )
    # Rounding may move single voxels whose centre lies on a surface.
    assert np.count_nonzero(labels[:, ::-1] != mirrored) <= 3
    assert np.count_nonzero(labels != mirrored) > 1000


def test_every_solid_is_mirrored_with_all_its_irregularity():
    hand = draw_hand(np.random.default_rng(2), PhantomConfig(GRID))
    other = mirror(hand, GRID)
    for group in ("cartilage", "wrist", "tendons", "flesh"):
        for solid, mirrored in zip(getattr(hand, group), getattr(other, group), strict=True):
            low, high = solid.bounds_mm(2.0)
            points = np.random.default_rng(0).uniform(low, high, (300, 3))
            there = points * (1, -1, 1) + (0, GRID.extent_mm[1], 0)
            found = mirrored.distance_mm(*there.astype(np.float32).T)
            expected = solid.distance_mm(*points.astype(np.float32).T)
            # Profiles are looked up at the nearest sample: rounding may take its neighbour.
            np.testing.assert_allclose(found, expected, atol=0.02)


def test_mirroring_twice_gives_the_hand_back():
    hand = draw_hand(np.random.default_rng(4), PhantomConfig(GRID))
    twice = mirror(mirror(hand, GRID), GRID)
    for value, solid in hand.structures.items():
        frame = twice.structures[value].frame
        np.testing.assert_allclose(frame.origin_mm, solid.frame.origin_mm, atol=1e-9)
        np.testing.assert_array_equal(frame.along, solid.frame.along)
