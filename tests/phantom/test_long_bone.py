from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from amcnet.anatomy.growth import ADULT_SIZE_MM
from amcnet.phantom.bone_shapes import BoneShape, Person, draw_build
from amcnet.phantom.clearance import smallest_gap_mm, surface_points
from amcnet.phantom.long_bone import PROFILE_SAMPLES, Face, LongBone, Profile
from amcnet.phantom.solids import Frame

STRAIGHT = Frame(np.zeros(3), *np.eye(3))
PERSONS = (Person(4.2, "boy"), Person(8.0, "girl"), Person(14.5, "boy"), Person(2.0, "girl"))
KEYS = st.sampled_from(list(ADULT_SIZE_MM))


@cache
def shapes_of(index: int) -> dict[tuple[int, str], BoneShape]:
    return draw_build(np.random.default_rng(index), PERSONS[index]).shapes


def pieces_of(index: int, key: tuple[int, str]) -> list[LongBone]:
    shape = shapes_of(index)[key]
    return [piece for piece in (shape.bone, shape.epiphysis, *shape.cartilage) if piece]


def cylinder(length: float, radius: float, **changes: float) -> LongBone:
    flat = np.full(PROFILE_SAMPLES, radius, np.float32)
    zero = np.zeros(PROFILE_SAMPLES, np.float32)
    profile = Profile(length, flat, flat, flat, zero, zero, zero)
    ends = Face(0.0, radius, radius), Face(length, radius, radius)
    return LongBone(STRAIGHT, profile, *ends, edge_mm=0.2, **changes)


def distance(solid: LongBone, points: np.ndarray) -> np.ndarray:
    return solid.distance_mm(*np.asarray(points, np.float32).T)


def lattice(solid: LongBone, step: float) -> tuple[list[np.ndarray], np.ndarray]:
    low, high = solid.bounds_mm(4 * step)
    axes = [np.arange(a, b, step).astype(np.float32) for a, b in zip(low, high, strict=True)]
    return axes, solid.distance_mm(*np.ix_(*axes))


def test_cylinder_has_the_analytic_distance():
    rng = np.random.default_rng(0)
    points = rng.uniform((-4, -6, -6), (24, 6, 6), (5000, 3))
    radial = np.hypot(points[:, 1], points[:, 2]) - 4
    ends = np.maximum(-points[:, 0], points[:, 0] - 20)
    found = distance(cylinder(20, 4), points)
    away = (np.abs(radial - ends) > 0.5) & (radial > -3)
    expected = np.maximum(radial, ends)[away]
    np.testing.assert_allclose(found[away], expected, rtol=0.1, atol=0.01)


def test_face_is_its_polynomial_and_constant_beyond_the_rim():
    face = Face(5.0, 2.0, 4.0, (0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7, 0.8), 0.9)
    x, y = np.float32([[1.0]]), np.float32([[-2.0]])
    half = 0.5
    expected = 5 + 0.1 * half + 0.2 * half**2 + 0.3 * half**3 + 0.4 * half**4
    expected += -0.5 * half + 0.6 * half**2 - 0.7 * half**3 + 0.8 * half**4 - 0.9 * half**2
    assert face.height_mm(x, y)[0, 0] == pytest.approx(expected)
    far, farther = face.height_mm(np.float32([20, 200]), np.float32([30, 300]))
    assert far == farther
    assert face.shifted(2).height_mm(x, y)[0, 0] == pytest.approx(expected + 2)


def test_growing_a_piece_moves_its_surface_outwards():
    points = np.array([(10.0, 4.0, 0.0), (-0.4, 0.0, 0.0), (20.4, 1.0, 0.0)])
    thin, grown = (distance(cylinder(20, 4, grown_mm=g), points) for g in (0.0, 0.3))
    np.testing.assert_allclose(thin - grown, 0.3, atol=1e-6)


@given(st.integers(0, 3), KEYS, st.integers(0, 2**32 - 1), st.floats(0, 2))
@settings(max_examples=40, deadline=None)
def test_bounds_contain_all_that_is_inside(index, key, seed, margin):
    rng = np.random.default_rng(seed)
    frame = Frame(rng.uniform(-20, 20, 3), *Rotation.random(rng=rng).as_matrix())
    for piece in pieces_of(index, key):
        placed = piece.moved(lambda _, frame=frame: frame)
        low, high = placed.bounds_mm(0.0)
        points = rng.uniform(low - 1.5, high + 1.5, (6000, 3))
        inside = points[distance(placed, points) < 0]
        assert len(inside) > 0
        assert np.all((inside >= low) & (inside <= high))
        first = rng.uniform(low[0] - 2, high[0])
        scan_range = (first, first + rng.uniform(0.5, 12))
        part_low, part_high = placed.bounds_mm(margin, scan_range)
        seen = inside[(inside[:, 0] >= scan_range[0]) & (inside[:, 0] <= scan_range[1])]
        if part_low[0] > part_high[0]:
            assert len(seen) == 0
            continue
        assert np.all((seen >= part_low) & (seen <= part_high))
        assert scan_range[0] <= part_low[0] <= part_high[0] <= scan_range[1]


def test_bounds_of_a_scan_range_off_the_bone_are_empty():
    low, high = cylinder(20, 4).bounds_mm(1.0, (30.0, 40.0))
    assert low[0] > high[0]


@pytest.mark.parametrize("index", range(len(PERSONS)))
def test_bones_are_one_piece_and_their_distance_behaves_like_mm(index):
    for key in ADULT_SIZE_MM:
        for piece in pieces_of(index, key)[:2]:
            step = 0.1 if np.ptp(piece.range_mm) < 4 else 0.25
            _, field = lattice(piece, step)
            assert ndimage.label(field < 0)[1] == 1
            slope = np.sqrt(sum(g**2 for g in np.gradient(field, step)))
            near = slope[np.abs(field) < step]
            assert np.quantile(near, 0.02) > 0.45
            assert np.quantile(near, 0.98) < 1.6


@pytest.mark.parametrize("key", [(1, "metacarpal"), (3, "proximal phalanx"), (3, "metacarpal")])
def test_distance_near_a_bone_is_about_the_true_one(key):
    whole = shapes_of(2)[key].whole
    axes, field = lattice(whole, 0.25)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    true = KDTree(points[np.abs(field) < 0.12]).query(points[(field > 0.4) & (field < 0.8)])[0]
    ratio = field[(field > 0.4) & (field < 0.8)] / true
    assert 0.85 < np.median(ratio) < 1.15
    assert np.quantile(ratio, 0.01) > 0.5
    assert np.quantile(ratio, 0.99) < 1.7


def test_evaluating_in_parts_changes_nothing():
    bone = shapes_of(2)[3, "metacarpal"].bone
    rng = np.random.default_rng(1)
    points = rng.uniform((-3, -10, -10), (70, 10, 10), (70000, 3))
    parts = np.concatenate([distance(bone, part) for part in np.split(points, 700)])
    # Far from the surface, whether an end is looked at may depend on the other points.
    near = np.abs(parts) < 1
    np.testing.assert_array_equal(distance(bone, points)[near], parts[near])


def test_no_points_have_no_distances():
    empty = np.empty((0, 3, 2), np.float32)
    assert cylinder(20, 4).distance_mm(empty, empty, empty).shape == (0, 3, 2)


@pytest.mark.parametrize("key", list(ADULT_SIZE_MM))
def test_surface_points_lie_on_the_surface(key):
    for piece in pieces_of(1, key)[:2]:
        assert np.abs(distance(piece, surface_points(piece))).max() < 0.03


def test_smallest_gap_between_parallel_cylinders():
    first = cylinder(20, 4)
    bones, points = {}, {}
    for name, shift in (("a", 0.0), ("b", 9.5), ("c", 30.0)):
        bones[name] = replace(first, frame=STRAIGHT.moved_to(np.array([0.0, shift, 0.0])))
        points[name] = surface_points(first)
    assert smallest_gap_mm(bones, points, 3.0) == pytest.approx(1.5, abs=0.1)
    assert smallest_gap_mm(bones, points, 1.0) == 1.0
