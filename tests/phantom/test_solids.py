from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from amcnet.phantom.solids import Capsule, Frame, tube

STRAIGHT = Frame(np.zeros(3), *np.eye(3))
SEEDS = st.integers(0, 2**32 - 1)
ANGLES = st.floats(-80, 80)


def frame_of(seed: int) -> Frame:
    origin = np.random.default_rng(seed).uniform(-20, 20, 3)
    return Frame(origin, *Rotation.random(rng=seed).as_matrix())


def capsule_of(seed: int) -> Capsule:
    rng = np.random.default_rng(seed)
    return Capsule(frame_of(seed), rng.uniform(8, 30), rng.uniform(1, 5), rng.uniform(1, 5))


def points_around(frame: Frame, length: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    along = rng.uniform(-0.3, 1.3, (4000, 1)) * length * frame.along
    return frame.origin_mm + along + rng.normal(0, 4, (4000, 3))


def distance(solid: Capsule, points: np.ndarray) -> np.ndarray:
    return solid.distance_mm(*np.asarray(points, np.float32).T)


@given(SEEDS, st.floats(1, 6), st.floats(5, 40))
@settings(max_examples=25, deadline=None)
def test_circular_capsule_has_the_analytic_distance(seed, radius, length):
    frame = frame_of(seed)
    points = points_around(frame, length, seed)
    nearest = np.clip((points - frame.origin_mm) @ frame.along, 0, length)
    axis_points = frame.origin_mm + nearest[:, None] * frame.along
    expected = np.linalg.norm(points - axis_points, axis=1) - radius
    found = distance(Capsule(frame, length, radius, radius), points)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_elliptic_capsule_is_zero_on_its_surface():
    capsule = Capsule(STRAIGHT, 20, 5, 2)
    surface = [(10, 5, 0), (10, -5, 0), (3, 0, 2), (20, 0, -2), (-2, 0, 0), (22, 0, 0)]
    assert distance(capsule, np.array(surface)) == pytest.approx(np.zeros(6), abs=1e-5)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_distance_is_at_most_the_true_one(seed):
    # Of an ellipse as of its scaled circle: no point is claimed to be farther than it is.
    capsule = capsule_of(seed)
    points = points_around(capsule.frame, capsule.length_mm, seed)
    found = distance(capsule, points)
    nearest = np.clip((points - capsule.frame.origin_mm) @ capsule.frame.along, 0, None)
    nearest = np.minimum(nearest, capsule.length_mm)
    to_axis = np.linalg.norm(
        points - capsule.frame.origin_mm - nearest[:, None] * capsule.frame.along, axis=1
    )
    inner = min(capsule.half_width_mm, capsule.half_thickness_mm)
    assert np.all(found <= to_axis - inner + 1e-3)


@given(SEEDS, st.floats(0, 3))
@settings(max_examples=25, deadline=None)
def test_bounds_contain_all_that_is_inside(seed, margin):
    capsule = capsule_of(seed)
    points = points_around(capsule.frame, capsule.length_mm, seed)
    inside = points[distance(capsule, points) < 0]
    low, high = capsule.bounds_mm(0.0)
    assert len(inside) > 0
    assert np.all((inside > low - 1e-4) & (inside < high + 1e-4))
    wider_low, wider_high = capsule.bounds_mm(margin)
    np.testing.assert_allclose(low - wider_low, margin, atol=1e-9)
    np.testing.assert_allclose(wider_high - high, margin, atol=1e-9)


@given(SEEDS, st.floats(-40, 40), st.floats(0.1, 20))
@settings(max_examples=40, deadline=None)
def test_bounds_of_a_scan_range_contain_what_is_inside_it(seed, first, length):
    capsule = capsule_of(seed)
    scan_range = (first, first + length)
    points = points_around(capsule.frame, capsule.length_mm, seed)
    seen = (points[:, 0] >= first) & (points[:, 0] <= first + length)
    inside = points[seen & (distance(capsule, points) < 0)]
    low, high = capsule.bounds_mm(0.0, scan_range)
    if low[0] > high[0]:
        assert len(inside) == 0
        return
    assert np.all((inside >= low - 1e-4) & (inside <= high + 1e-4))
    whole_low, whole_high = capsule.bounds_mm(0.0)
    assert np.all((low >= whole_low) & (high <= whole_high))
    assert first <= low[0] <= high[0] <= first + length


def test_bounds_of_a_scan_range_follow_a_tilted_axis():
    capsule = Capsule(STRAIGHT.abducted(45), 40, 2, 2)
    whole = np.ptp(np.stack(capsule.bounds_mm(0.0)), axis=0)[1]
    part = np.ptp(np.stack(capsule.bounds_mm(0.0, (10.0, 12.0))), axis=0)[1]
    assert part < whole / 2


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_turning_solid_and_points_together_changes_nothing(seed):
    turn = Rotation.random(rng=seed + 1)
    capsule = capsule_of(seed)
    old = capsule.frame
    axes = (turn.apply(axis) for axis in (old.along, old.across, old.palmar))
    turned = replace(capsule, frame=Frame(turn.apply(old.origin_mm), *axes))
    points = points_around(old, capsule.length_mm, seed)
    change = np.abs(distance(turned, turn.apply(points)) - distance(capsule, points))
    assert change.max() < 1e-3


def test_coordinates_broadcast_to_a_grid():
    capsule = Capsule(frame_of(3), 12, 3, 2)
    axes = [np.linspace(-10, 10, n).astype(np.float32) for n in (4, 5, 6)]
    on_grid = capsule.distance_mm(*np.ix_(*axes))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(on_grid.ravel(), distance(capsule, points), atol=1e-5)


@given(SEEDS, ANGLES, ANGLES, ANGLES)
@settings(max_examples=25, deadline=None)
def test_turned_frames_stay_orthonormal(seed, flexion, abduction, twist):
    frame = frame_of(seed).abducted(abduction).flexed(flexion).twisted(twist)
    axes = np.stack([frame.along, frame.across, frame.palmar])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_flexion_goes_towards_the_palm_and_abduction_towards_the_thumb():
    assert STRAIGHT.flexed(10).along @ STRAIGHT.palmar == pytest.approx(np.sin(np.deg2rad(10)))
    assert STRAIGHT.abducted(10).along @ STRAIGHT.across == pytest.approx(-np.sin(np.deg2rad(10)))
    np.testing.assert_array_equal(STRAIGHT.twisted(10).along, STRAIGHT.along)
    assert STRAIGHT.twisted(10).across @ STRAIGHT.palmar > 0


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_local_coordinates_and_points_are_inverse(seed):
    frame = frame_of(seed)
    local = np.random.default_rng(seed).uniform(-30, 30, (50, 3))
    back = np.stack(frame.local(*frame.points(local).astype(np.float32).T), axis=1)
    np.testing.assert_allclose(back, local, atol=1e-4)
    np.testing.assert_allclose(frame.at(*local[0]), frame.points(local)[0], atol=1e-12)


def test_tube_joins_two_points():
    start, end = np.array([1.0, 2, 3]), np.array([9.0, 5, 1])
    made = tube(start, end, np.array([0.0, 0, 1]), 2.0, 1.0)
    assert made.length_mm == pytest.approx(np.linalg.norm(end - start))
    np.testing.assert_allclose(made.frame.at(made.length_mm), end)
    assert distance(made, (start + end)[None] / 2) == pytest.approx([-1.0])
