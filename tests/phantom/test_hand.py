from itertools import pairwise

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.phantom import FULL_GRID, NETWORK_GRID, Grid
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.growth import ADULT_SIZE_MM, COMPLETE_AGE_YEARS, relative_size
from amcnet.phantom.hand import Hand, label_values, mirror, segments_of
from amcnet.phantom.tissue import Voxeliser

GRID = Grid((152, 128, 64), (1.116, 1.04, 0.704))
SEEDS = range(50)
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
FINGERS = {1: "thumb", 2: "index finger", 3: "middle finger", 4: "ring finger", 5: "little finger"}
# Label values of each ray from the wrist to the fingertip.
CHAINS = {1: range(6, 0, -1)} | {r: range(8 * r - 2, 8 * r - 10, -1) for r in (2, 3, 4, 5)}


@pytest.fixture(scope="module")
def hands() -> list[Hand]:
    return [draw_hand(np.random.default_rng(seed), NETWORK_GRID) for seed in SEEDS]


def centre(hand: Hand, value: int) -> np.ndarray:
    solid = hand.structures[value]
    return solid.frame.at(solid.length_mm / 2)


def test_hands_are_drawn_with_all_structures(hands):
    assert all(sorted(hand.structures) == list(range(1, 39)) for hand in hands)


def test_everything_labelled_is_inside_the_grid(hands):
    for hand in hands:
        for solid in hand.structures.values():
            low, high = solid.bounds_mm(0.0)
            assert np.all(low >= 0)
            assert np.all(high <= NETWORK_GRID.extent_mm)


def test_frames_are_orthonormal(hands):
    for hand in hands:
        for solid in (*hand.structures.values(), *hand.wrist, *hand.tendons, *hand.flesh):
            axes = np.stack([solid.frame.along, solid.frame.across, solid.frame.palmar])
            np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)


def test_structures_of_a_ray_follow_each_other_across_small_gaps(hands):
    for hand in hands:
        for chain in CHAINS.values():
            for nearer, further in pairwise(chain):
                end = hand.structures[nearer].frame.at(hand.structures[nearer].length_mm)
                gap = hand.structures[further].frame.origin_mm - end
                # Joints and growth plates alike.
                assert 0.5 <= np.linalg.norm(gap) <= 1.25
                assert gap @ hand.structures[nearer].frame.along > 0


def test_chains_of_the_hand_are_those_of_the_label_table():
    table = hand_label_table()
    for chain in CHAINS.values():
        for nearer, further in pairwise(chain):
            assert further in table[nearer].neighbours


def test_fingers_point_to_scan_zero_and_the_thumb_tells_the_side(hands):
    assert {hand.parameters.side for hand in hands} == {"left", "right"}
    for hand in hands:
        for chain in CHAINS.values():
            assert centre(hand, chain[-1])[0] < centre(hand, chain[0])[0]
        roots = [hand.structures[chain[0]].frame.origin_mm[1] for chain in CHAINS.values()]
        if hand.parameters.side == "left":
            roots.reverse()
        assert roots == sorted(roots)


def test_the_back_of_the_hand_faces_the_probe(hands):
    for hand in hands:
        for chain in CHAINS.values():
            assert all(hand.structures[value].frame.palmar[2] > 0 for value in chain)
        for tendon in hand.tendons:
            nearest = min(
                hand.structures.values(),
                key=lambda s: np.linalg.norm(s.frame.at(s.length_mm / 2) - tendon.frame.at(5)),
            )
            assert tendon.frame.origin_mm[2] < nearest.frame.origin_mm[2] + 5


def test_drawn_values_are_in_their_ranges(hands):
    for hand in hands:
        p = hand.parameters
        low, high = COMPLETE_AGE_YEARS[p.sex]
        assert low <= p.age_years <= high
        assert 0 <= p.flexion_deg <= 12
        assert 25 <= p.thumb_abduction_deg <= 50
        assert abs(p.roll_deg) <= 8
        assert abs(p.pitch_deg) <= 8
        assert 5 <= p.standoff_mm <= 20


def test_bones_are_on_average_as_long_as_expected_at_their_age(hands):
    ratios = []
    for hand in hands:
        expected = relative_size(hand.parameters.age_years, hand.parameters.sex)
        for (ray, segment), (adult, _, _) in ADULT_SIZE_MM.items():
            values = label_values(ray, segment)
            parts = [hand.structures[value] for value in values]
            ends = [part.frame.at(t) for part in parts for t in (0.0, part.length_mm)]
            length = max(np.linalg.norm(a - b) for a in ends for b in ends)
            ratios.append(length / adult / expected)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert np.std(ratios) == pytest.approx(np.hypot(0.05, 0.025), abs=0.02)


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


def test_same_seed_same_hand():
    first, again = (draw_hand(np.random.default_rng(7), GRID) for _ in range(2))
    assert first.parameters == again.parameters
    for value, solid in first.structures.items():
        np.testing.assert_array_equal(
            solid.frame.origin_mm, again.structures[value].frame.origin_mm
        )


def test_grids_of_one_field_of_view_show_the_same_hand():
    for seed in range(10):
        full, network = (
            draw_hand(np.random.default_rng(seed), grid) for grid in (FULL_GRID, NETWORK_GRID)
        )
        assert full.parameters.age_years == network.parameters.age_years
        for value in full.structures:
            # Their last voxel centres, and so the room for a hand, differ by half a voxel.
            np.testing.assert_allclose(centre(full, value), centre(network, value), atol=0.2)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mirrored_hand_has_mirrored_labels(seed):
    hand = draw_hand(np.random.default_rng(seed), GRID)
    labels, mirrored = (
        Voxeliser(h, GRID).slab(0, GRID.shape[0]).labels for h in (hand, mirror(hand, GRID))
    )
    # Rounding may move single voxels whose centre lies on a surface.
    assert np.count_nonzero(labels[:, ::-1] != mirrored) <= 3
    assert np.count_nonzero(labels != mirrored) > 1000


def test_mirroring_twice_gives_the_hand_back():
    hand = draw_hand(np.random.default_rng(4), GRID)
    twice = mirror(mirror(hand, GRID), GRID)
    for value, solid in hand.structures.items():
        frame = twice.structures[value].frame
        np.testing.assert_allclose(frame.origin_mm, solid.frame.origin_mm, atol=1e-9)
        np.testing.assert_array_equal(frame.along, solid.frame.along)


def test_hands_too_large_for_a_grid_are_replaced_by_smaller_ones():
    small = Grid((110, 100, 64), (1.3, 1.2, 0.704))
    for seed in range(8):
        hand = draw_hand(np.random.default_rng(seed), small)
        low, high = zip(*(s.bounds_mm(0.0) for s in hand.structures.values()), strict=True)
        assert np.min(low) >= 0
        assert np.all(np.max(high, axis=0) <= small.extent_mm)
