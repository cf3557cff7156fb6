import json
from collections import Counter
from dataclasses import asdict, replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import KDTree

from amcnet.anatomy import hand_label_table
from amcnet.anatomy.growth import ADULT_SIZE_MM, COMPLETE_AGE_YEARS, relative_size
from amcnet.errors import ConfigError
from amcnet.phantom import FULL_GRID, NETWORK_GRID, PhantomGrid
from amcnet.phantom.clearance import surface_points
from amcnet.phantom.drawing import draw_hand
from amcnet.phantom.hand_anatomy import Hand, label_values
from amcnet.phantom.phantom_config import PhantomConfig
from amcnet.phantom.rare_cases import draw_rare_cases
from amcnet.phantom.tissue import Voxeliser

COMPLETE_SEEDS, FULL_SEEDS = range(12), range(16)
# Label values of each ray from the wrist to the fingertip.
CHAINS = {1: range(6, 0, -1)} | {r: range(8 * r - 2, 8 * r - 10, -1) for r in (2, 3, 4, 5)}
# Where the epiphysis of a bone lies within the chain does not matter: they share a frame.
GROWTH_PLATES = {tuple(sorted(label_values(*key))) for key in ADULT_SIZE_MM}
JOINTS = {
    tuple(sorted(pair)) for chain in CHAINS.values() for pair in pairwise(chain)
} - GROWTH_PLATES
TABLE = hand_label_table()
NAMES = {value: TABLE[value].name for value in range(1, 39)}


@pytest.fixture(scope="module")
def complete() -> list[Hand]:
    return [draw_hand(np.random.default_rng(seed), PhantomConfig()) for seed in COMPLETE_SEEDS]


@pytest.fixture(scope="module")
def full() -> list[Hand]:
    config = PhantomConfig(variety="full")
    return [draw_hand(np.random.default_rng(seed), config) for seed in FULL_SEEDS]


def drawn_with(case: str, **changes: tuple[float, float]) -> Hand:
    """Return the first hand of the variety ``full`` with a rare case."""
    for seed in range(300):
        # The cases are drawn first: find the seed before drawing all the rest.
        if case in draw_rare_cases(np.random.default_rng(seed).spawn(3)[0], wanted=True):
            config = PhantomConfig(variety="full", **changes)
            hand = draw_hand(np.random.default_rng(seed), config)
            assert case in hand.parameters.rare_cases
            return hand
    raise AssertionError(case)


def surface(hand: Hand, value: int) -> np.ndarray:
    solid = hand.structures[value]
    return solid.frame.points(surface_points(solid))


def fingertip(hand: Hand, ray: int) -> np.ndarray:
    return surface(hand, CHAINS[ray][-1])[:, 0].min()


def nearest_mm(hand: Hand, one: int, other: int) -> float:
    """Return the distance between two surfaces, from points on them."""
    points = surface(hand, one)
    field = hand.structures[other].distance_mm(*points.astype(np.float32).T)
    return float(field.min())


def inside_points(hand: Hand, value: int, step: float) -> np.ndarray:
    """Return the points of a lattice in space, common to all structures, inside one of them."""
    solid = hand.structures[value]
    low, high = (np.round(corner / step).astype(int) for corner in solid.bounds_mm(step))
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    field = solid.distance_mm(*np.ix_(*((axis * step).astype(np.float32) for axis in axes)))
    return np.argwhere(field < 0) + low


def test_complete_hands_have_all_structures_and_nothing_rare(complete):
    for hand in complete:
        assert list(hand.structures) == list(range(1, 39))
        p = hand.parameters
        assert (p.absent, p.cut, p.rare_cases, p.skeletal_shift_years) == ({}, (), (), 0.0)
        low, high = COMPLETE_AGE_YEARS[p.sex]
        assert low <= p.age_years <= high


def test_complete_hands_are_whole_inside_the_grid(complete):
    for hand in complete:
        for value in hand.structures:
            points = surface(hand, value)
            assert np.all((points >= 0.5) & (points <= np.array(NETWORK_GRID.extent_mm) - 0.5))


def test_drawn_values_are_in_their_ranges(complete):
    for hand in complete:
        p = hand.parameters
        assert 0 <= p.flexion_deg <= 12
        assert 25 <= p.thumb_abduction_deg <= 50
        assert max(abs(p.roll_deg), abs(p.pitch_deg), abs(p.yaw_deg)) <= 8
        assert 5 <= p.standoff_mm <= 20
        assert 0.85 <= p.chubbiness <= 1.35
        assert len(p.joint_flexion_deg) == 14


def test_parameters_can_be_written_as_json(full):
    for hand in full:
        read = json.loads(json.dumps(asdict(hand.parameters)))
        assert read["absent"] == hand.parameters.absent


def test_frames_are_orthonormal(full):
    for hand in full[:6]:
        for solid in (*hand.structures.values(), *hand.wrist, *hand.tendons, *hand.flesh):
            axes = np.stack([solid.frame.along, solid.frame.across, solid.frame.palmar])
            np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)


def test_structures_neither_overlap_nor_touch(complete, full):
    step = 0.4
    for hand in (*complete[:3], *full[:3]):
        inside = {value: inside_points(hand, value, step) for value in hand.structures}
        every = np.concatenate(list(inside.values()))
        assert len(np.unique(every, axis=0)) == len(every)
        for one, other in combinations(inside, 2):
            # Only what lies near the other structure.
            a, b = inside[one], inside[other]
            a = a[np.all((a >= b.min(axis=0) - 3) & (a <= b.max(axis=0) + 3), axis=1)]
            if len(a):
                b = b[np.all((b >= a.min(axis=0) - 3) & (b <= a.max(axis=0) + 3), axis=1)]
            if len(a) and len(b):
                nearest = KDTree(a).query(b, distance_upper_bound=3)[0].min()
                assert nearest * step > 0.4


def test_every_structure_is_one_piece_on_the_network_grid(complete, full):
    spacing = np.array(NETWORK_GRID.spacing_mm)
    for hand in (*complete[:8], *full[:8]):
        for value, solid in hand.structures.items():
            low, high = solid.bounds_mm(0.3)
            first, last = np.floor(low / spacing), np.ceil(high / spacing)
            axes = [np.arange(a, b + 1) * d for a, b, d in zip(first, last, spacing, strict=True)]
            inside = solid.distance_mm(*np.ix_(*(axis.astype(np.float32) for axis in axes))) < 0
            # A thin disc that lies askew may join its voxels by edges and corners only.
            assert ndimage.label(inside, np.ones((3, 3, 3)))[1] == 1, NAMES[value]


def test_growth_plates_are_even_gaps_between_an_epiphysis_and_its_own_bone(complete):
    for hand in complete[:3]:
        for key in ADULT_SIZE_MM:
            bone, epiphysis = label_values(*key)
            shaft, cap = hand.structures[bone], hand.structures[epiphysis]
            frame = shaft.frame
            along = np.arange(-2, shaft.profile.length_mm + 2, 0.01)
            axis = frame.origin_mm + along[:, None] * frame.along
            inside = [s.distance_mm(*axis.astype(np.float32).T) < 0 for s in (shaft, cap)]
            ends = [(along[i].min(), along[i].max()) for i in inside]
            gap = max(ends[0][0] - ends[1][1], ends[1][0] - ends[0][1])
            assert 0.78 <= gap <= 1.22
            others = [v for v in hand.structures if v not in (bone, epiphysis)]
            assert min(nearest_mm(hand, epiphysis, v) for v in others) >= 0.4


def test_joints_are_narrow_gaps(complete):
    gaps = []
    for hand in complete[:8]:
        for one, other in JOINTS:
            gap = min(nearest_mm(hand, one, other), nearest_mm(hand, other, one))
            assert gap >= 0.4
            if hand.parameters.age_years > 10:
                gaps.append(gap)
    # Of young hands the ends are cartilage; those of older ones nearly fill them.
    assert len(gaps) > 20
    assert np.quantile(gaps, 0.02) >= 0.4
    assert np.quantile(gaps, 0.9) <= 1.3


def test_chains_run_from_the_wrist_to_the_fingertip(complete):
    for hand in complete:
        for chain in CHAINS.values():
            centres = [surface(hand, value).mean(axis=0) for value in chain]
            for (nearer, a), (further, b) in pairwise(zip(chain, centres, strict=True)):
                assert further in TABLE[nearer].neighbours
                assert (b - a) @ hand.structures[nearer].frame.along > 0
            assert centres[-1][0] < centres[0][0]


def test_the_thumb_tells_the_side(complete):
    assert {hand.parameters.side for hand in complete} == {"left", "right"}
    for hand in complete:
        roots = [hand.structures[chain[0]].frame.origin_mm[1] for chain in CHAINS.values()]
        if hand.parameters.side == "left":
            roots.reverse()
        assert roots == sorted(roots)


def test_the_back_of_the_hand_faces_the_probe(full):
    for hand in full:
        for value, solid in hand.structures.items():
            if value > 6:
                assert solid.frame.palmar[2] > 0.5


def test_bones_are_as_long_as_expected_at_their_age(complete):
    ratios = []
    for hand in complete:
        expected = relative_size(hand.parameters.age_years, hand.parameters.sex)
        for key, (adult, _, _) in ADULT_SIZE_MM.items():
            bone = hand.structures[label_values(*key)[0]]
            assert bone.profile.length_mm == pytest.approx(
                adult * expected * hand.parameters.size_factor, rel=0.075
            )
            ratios.append(bone.profile.length_mm / adult / expected)
    assert np.mean(ratios) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("key", [(3, "metacarpal"), (2, "proximal phalanx"), (1, "distal phalanx")])
def test_bones_have_the_sizes_of_the_table(complete, key):
    length, width, thickness = ADULT_SIZE_MM[key]
    growth_end = -1 if key[1] == "metacarpal" else 0
    for hand in complete:
        values = label_values(*key)
        step = 0.2
        solids = [hand.structures[value] for value in values]
        frame = replace(solids[0].frame, origin_mm=np.zeros(3))
        u = np.arange(-1, solids[0].profile.length_mm + 1, step)
        v = np.arange(-14, 14, step)
        axes = [a.astype(np.float32) for a in (u, v, v)]
        straight = [
            replace(
                s,
                frame=replace(frame, along=np.eye(3)[0], across=np.eye(3)[1], palmar=np.eye(3)[2]),
            )
            for s in solids
        ]
        inside = np.minimum(*(s.distance_mm(*np.ix_(*axes)) for s in straight)) < 0
        p = hand.parameters
        factor = relative_size(p.age_years, p.sex) * p.size_factor
        assert inside.any((1, 2)).sum() * step <= length * factor * 1.08 + step
        across = inside.any(2).sum(1) * step
        middle = slice(int(len(u) * 0.4), int(len(u) * 0.62))
        relative = across[middle].min() / (width * factor * p.slenderness)
        assert 0.7 < relative < 1.15
        assert across.max() > 1.15 * across[middle].min()
        through = inside.any(1).sum(1) * step
        assert 0.75 < through[middle].min() / (thickness * factor * p.slenderness) < 1.3
        if p.age_years > 11 and growth_end == 0:
            assert across[: len(u) // 5].max() > 1.25 * across[middle].min()


def test_epiphyses_widen_until_they_match_the_shaft(complete):
    by_age = sorted(complete, key=lambda hand: hand.parameters.age_years)
    young, old = by_age[0], by_age[-1]
    for key in ADULT_SIZE_MM:
        epiphysis = label_values(*key)[1]
        assert young.structures[epiphysis].girth < old.structures[epiphysis].girth
        assert 0.85 <= old.structures[epiphysis].girth <= 1.12


def test_missing_and_fused_epiphyses_are_named_and_left_out(full):
    for hand in full:
        p = hand.parameters
        absent = set(range(1, 39)) - set(hand.structures)
        assert {NAMES[value] for value in absent} == set(p.absent)
        for name, reason in p.absent.items():
            assert reason == "outside the volume" or (
                name.startswith("epiphysis") and reason in ("not ossified", "fused")
            )


# Years at which each epiphysis is certain to be missing, present or fused in all children.
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (
            2.0,
            {"epiphysis of middle phalanx of little finger", "epiphysis of first metacarpal bone"},
        ),
        (7.0, set()),
        (15.99, None),
    ],
)
def test_ages_decide_which_epiphyses_exist(age, expected):
    for seed in range(6):
        hand = draw_hand(np.random.default_rng(seed), PhantomConfig(age_years=(age, age)))
        p = hand.parameters
        if age == 2.0 and p.sex == "boy":
            assert expected <= set(p.absent)
            assert set(p.absent.values()) == {"not ossified"}
            assert "epiphysis of proximal phalanx of middle finger" not in p.absent
        elif age == 7.0:
            assert p.absent == {}
        elif age > 15:
            fused = [value for value in range(1, 39) if NAMES[value] in p.absent]
            distal = {label_values(ray, "distal phalanx")[1] for ray in range(1, 6)}
            assert set(fused) == (
                distal if p.sex == "boy" else set(range(1, 39)) - set(hand.structures)
            )
            if p.sex == "girl":
                assert len(fused) == 19
            assert set(p.absent.values()) == {"fused"}


def test_a_fused_bone_reaches_over_plate_and_epiphysis():
    hand = draw_hand(np.random.default_rng(0), PhantomConfig(age_years=(16, 16)))
    bone = hand.structures[label_values(3, "distal phalanx")[0]]
    points = surface_points(bone)
    assert np.ptp(points[:, 0]) == pytest.approx(bone.profile.length_mm, rel=0.06)


def test_rare_cases_are_rare_but_happen(full):
    counts = Counter(case for hand in full for case in hand.parameters.rare_cases)
    assert 1 <= sum(counts.values()) <= len(full)
    assert {side.parameters.sex for side in full} == {"boy", "girl"}
    ages = [hand.parameters.age_years for hand in full]
    assert min(ages) < 5
    assert max(ages) > 13


def test_fist_like_thumb_lies_below_the_palm():
    hand = drawn_with("fist-like thumb", age_years=(5, 9))
    tip = hand.structures[1]
    index = hand.structures[14]
    middle = index.frame.at(0.5 * index.profile.length_mm)
    end = tip.frame.at(tip.profile.length_mm)
    assert end[2] > middle[2] + 5
    assert hand.parameters.thumb_abduction_deg < 25


def test_touching_fingers_touch_and_their_bones_do_not():
    hand = drawn_with("touching fingers", age_years=(6, 10))
    bones = [label_values(ray, "proximal phalanx")[0] for ray in (2, 3, 4, 5)]
    for one, other in pairwise(bones):
        assert nearest_mm(hand, one, other) >= 1.4
        a, b = (hand.structures[v] for v in (one, other))
        middle = (a.frame.at(a.profile.length_mm) + b.frame.at(b.profile.length_mm)) / 2
        point = middle[None].astype(np.float32).T
        assert min(float(solid.distance_mm(*point)[0]) for solid in hand.flesh) < 0.5


def test_fingers_out_of_view_and_cropped_scans_cut_or_lose_structures():
    for case, axis in (("finger out of view", 1), ("cropped scan", 0)):
        hand = drawn_with(case)
        p = hand.parameters
        lost = [name for name, reason in p.absent.items() if reason == "outside the volume"]
        assert p.cut or lost
        for value in hand.structures:
            points = surface(hand, value)
            outside = (points < 0) | (points > NETWORK_GRID.extent_mm)
            assert outside.any() == (NAMES[value] in p.cut)
            if len(p.rare_cases) == 1:
                assert not outside[:, 1 - axis].any()


@pytest.mark.parametrize(("case", "low", "high"), [("deep hand", 20, 26), ("shallow hand", 2, 6)])
def test_deep_and_shallow_hands(case, low, high):
    hand = drawn_with(case)
    assert low <= hand.parameters.standoff_mm <= high


def test_skin_lies_about_5_mm_above_a_metacarpal(complete):
    grid = PhantomGrid((170, 133, 90), (1.0, 1.0, 0.5))
    relative = []
    for hand in complete[:6]:
        p = hand.parameters
        skin = Voxeliser(hand, grid).slab(0, 170).skin_mm
        bone = hand.structures[22]
        middle = bone.frame.at(0.5 * bone.profile.length_mm)
        at = bone.profile.index(0.5 * bone.profile.length_mm)
        column = skin[round(middle[0]), round(middle[1])]
        top = np.argmax(column < 0) * 0.5
        depth = middle[2] - bone.profile.dorsal_mm[at] - top
        relative.append(depth / p.size / p.chubbiness)
    assert np.mean(relative) == pytest.approx(5, abs=0.8)


def test_same_seed_same_hand_on_every_grid_of_one_field_of_view():
    for seed in (3, 4, 5):
        full, network, again = (
            draw_hand(np.random.default_rng(seed), PhantomConfig(grid, "full"))
            for grid in (FULL_GRID, NETWORK_GRID, NETWORK_GRID)
        )
        assert network.parameters == again.parameters
        assert full.parameters.age_years == network.parameters.age_years
        assert full.parameters.joint_flexion_deg == network.parameters.joint_flexion_deg
        for value, solid in full.structures.items():
            # Their last voxel centres, and so the room for a hand, differ by half a voxel.
            other = network.structures[value]
            np.testing.assert_allclose(
                solid.frame.origin_mm, other.frame.origin_mm, atol=0.2, rtol=0
            )


def test_hands_too_large_for_a_grid_are_replaced_by_smaller_ones():
    small = PhantomGrid((110, 100, 64), (1.3, 1.2, 0.704))
    for seed in range(3):
        hand = draw_hand(np.random.default_rng(seed), PhantomConfig(small))
        for value in hand.structures:
            points = surface(hand, value)
            assert np.all((points >= 0) & (points <= small.extent_mm))


def test_a_grid_without_room_for_a_hand_is_refused(monkeypatch):
    monkeypatch.setattr("amcnet.phantom.drawing._PERSON_ATTEMPTS", 1)
    with pytest.raises(ConfigError, match="in which none of 8 hands fits"):
        draw_hand(
            np.random.default_rng(0), PhantomConfig(PhantomGrid((20, 20, 20), (1.0, 1.0, 1.0)))
        )
