from dataclasses import replace

import numpy as np
import pytest

from amcnet.phantom import PhantomGrid, artefacts
from amcnet.phantom.acoustics import Acoustics, draw_acoustics, without

GRID = PhantomGrid((1, 60, 400), (1.0, 0.5, 0.1))
OFF = float("-inf")
FACING = np.ones(60, np.float32)
NO_FACES = (np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32))


def acoustics(**settings) -> Acoustics:
    return replace(draw_acoustics(np.random.default_rng(0)), **settings)


def lines(*depths_mm: float) -> np.ndarray:
    """Return an envelope of horizontal lines of height one."""
    envelope = np.zeros(GRID.shape[1:], np.float32)
    for depth in depths_mm:
        envelope[:, round(depth / GRID.spacing_mm[2])] = 1
    return envelope


def flat(depth_mm: float) -> np.ndarray:
    return np.full(GRID.shape[1], depth_mm, np.float32)


def depths_of(added: np.ndarray) -> list[float]:
    """Return the depths, mm, at which something was added to every column."""
    np.testing.assert_array_equal(added, np.broadcast_to(added[:1], added.shape))
    return [round(float(d) * GRID.spacing_mm[2], 1) for d in np.nonzero(added[0])[0]]


@pytest.mark.parametrize(
    ("level_db", "factor"), [(0, 1), (-20, 0.1), (-6.0206, 0.5), (6.0206, 2), (OFF, 0)]
)
def test_levels_are_amplitudes(level_db, factor):
    assert artefacts.amplitude(level_db) == pytest.approx(factor, rel=1e-4)


def test_skin_shows_once_more_at_twice_its_depth():
    before = lines(12.0)
    envelope = before.copy()
    a = acoustics(skin_reverberation_db=-40.0)
    artefacts.add_skin_reverberation(envelope, flat(12.0), FACING, GRID, a)
    added = envelope - before
    assert depths_of(added) == [24.0]
    assert added.max() == pytest.approx(0.01)


def test_repeated_echoes_are_as_weak_as_their_face_slopes():
    before = lines(12.0)
    envelope = before.copy()
    facing = np.linspace(0, 1, GRID.shape[1], dtype=np.float32)
    a = acoustics(skin_reverberation_db=-20.0)
    artefacts.add_skin_reverberation(envelope, flat(12.0), facing, GRID, a)
    np.testing.assert_allclose((envelope - before)[:, 240], 0.1 * facing, rtol=1e-5)


def test_skin_too_deep_to_show_twice_changes_nothing():
    before = lines(30.0)
    envelope = before.copy()
    artefacts.add_skin_reverberation(envelope, flat(30.0), FACING, GRID, acoustics())
    np.testing.assert_array_equal(envelope, before)


def test_bone_shows_again_below_itself_once_and_twice():
    before = lines(10.0, 16.0)
    envelope = before.copy()
    a = acoustics(bone_reverberation_db=-20.0)
    artefacts.add_bone_reverberation(envelope, (flat(10.0), flat(16.0)), FACING, GRID, a)
    added = envelope - before
    # 2 b - s and 3 b - 2 s.
    assert depths_of(added) == [22.0, 28.0]
    assert added[0, 220] == pytest.approx(0.1)
    assert added[0, 280] == pytest.approx(0.01)


@pytest.mark.parametrize("parts", [(0.5,), (0.25, 0.75)])
def test_ghosts_lie_in_the_water_above_the_skin(parts):
    before = lines(20.0)
    envelope = before.copy()
    a = acoustics(ghost_db=-40.0, ghost_depths=parts)
    artefacts.add_ghost_arcs(envelope, flat(20.0), FACING, GRID, a)
    added = envelope - before
    assert depths_of(added) == [20.0 * part for part in parts]
    assert added.max() == pytest.approx(0.01)


@pytest.mark.parametrize("skin_mm", [2.0, 5.0, 8.0, 20.0])
def test_ghosts_of_a_thick_echo_stay_in_the_water(skin_mm):
    # The deepest ghost that is drawn lies at 95 % of the stand-off.
    envelope = np.ones(GRID.shape[1:], np.float32)
    a = acoustics(ghost_depths=(0.25, 0.95))
    artefacts.add_ghost_arcs(envelope, flat(skin_mm), FACING, GRID, a)
    skin = round(skin_mm / GRID.spacing_mm[2])
    assert envelope[:, :skin].max() > 1
    np.testing.assert_array_equal(envelope[:, skin:], 1)


def test_ghosts_are_flatter_than_the_skin():
    rows = np.arange(GRID.shape[1])
    skin = (16 + 4 * np.cos(rows / 10)).astype(np.float32)
    depth = np.round(skin / GRID.spacing_mm[2]).astype(int)
    before = np.zeros(GRID.shape[1:], np.float32)
    before[rows, depth] = 1
    envelope = before.copy()
    a = acoustics(ghost_depths=(0.5,))
    artefacts.add_ghost_arcs(envelope, skin, FACING, GRID, a)
    ghost = np.argmax(envelope - before, axis=1) * GRID.spacing_mm[2]
    np.testing.assert_allclose(ghost, skin / 2, atol=0.15)


def test_columns_without_a_face_have_no_repeated_echoes():
    before = np.random.default_rng(0).random(GRID.shape[1:]).astype(np.float32)
    envelope = before.copy()
    skin, bone = flat(8.0), flat(14.0)
    skin[30:] = bone[20:] = GRID.extent_mm[2]
    artefacts.add_bone_reverberation(envelope, (skin, bone), FACING, GRID, acoustics())
    np.testing.assert_array_equal(envelope[20:], before[20:])
    assert np.any(envelope[:20] != before[:20])
    artefacts.add_skin_reverberation(envelope, skin, FACING, GRID, acoustics())
    artefacts.add_ghost_arcs(envelope, skin, FACING, GRID, acoustics())
    np.testing.assert_array_equal(envelope[30:], before[30:])


def test_minus_infinity_switches_repeated_echoes_off():
    a = without(acoustics(), "reverberation", "ghost arcs")
    before = np.random.default_rng(0).random(GRID.shape[1:]).astype(np.float32)
    envelope = before.copy()
    artefacts.add_bone_reverberation(envelope, (flat(8.0), flat(14.0)), FACING, GRID, a)
    artefacts.add_skin_reverberation(envelope, flat(8.0), FACING, GRID, a)
    artefacts.add_ghost_arcs(envelope, flat(8.0), FACING, GRID, a)
    np.testing.assert_array_equal(envelope, before)


@pytest.mark.parametrize("skin_mm", [0.0, 0.1, 39.8])
def test_faces_at_the_ends_of_the_volume_do_not_wrap_around(skin_mm):
    a = acoustics(skin_reverberation_db=0.0, bone_reverberation_db=0.0, ghost_db=0.0)
    envelope = lines(skin_mm)
    artefacts.add_bone_reverberation(envelope, (flat(0.0), flat(skin_mm)), FACING, GRID, a)
    artefacts.add_skin_reverberation(envelope, flat(skin_mm), FACING, GRID, a)
    artefacts.add_ghost_arcs(envelope, flat(skin_mm), FACING, GRID, a)
    middle = envelope[:, 20:380]
    assert not middle.any() or skin_mm == 39.8
    other_end = envelope[:, -15:] if skin_mm < 20 else envelope[:, :15]
    assert not other_end.any()


def bright_point(lateral: int, depth: int, echo: float = 1.0) -> artefacts.Faces:
    return np.array([lateral]), np.array([depth]), np.array([echo], np.float32)


def clutter_of(faces: artefacts.Faces, a: Acoustics) -> np.ndarray:
    return artefacts.clutter(np.zeros(GRID.shape[1:], np.float32), faces, GRID, a)


def test_nothing_makes_no_clutter():
    assert not clutter_of(NO_FACES, acoustics()).any()


def test_side_lobes_fade_to_both_sides_and_stay_at_their_depth():
    found = clutter_of(bright_point(30, 200), acoustics(ringing_db=OFF, tail_mm=4.0))
    assert found.min() >= 0
    profile = found.max(axis=1)
    peak = int(np.argmax(profile))
    assert abs(peak - 30) <= 2
    assert np.all(np.diff(profile[: peak + 1]) >= -1e-7)
    assert np.all(np.diff(profile[peak:]) <= 1e-7)
    assert np.all(profile[[28, 32]] > 0)
    assert not np.nonzero(found)[1].min() < 190
    assert not np.nonzero(found)[1].max() > 210
    # Half as high two millimetres to the side of the middle: the full width at half maximum.
    centre = np.average(np.arange(60), weights=profile) * GRID.spacing_mm[1]
    width = 2.355 * np.sqrt(
        np.average((GRID.axis_mm(1) - centre) ** 2, weights=profile.astype(float))
    )
    assert width == pytest.approx(4.0, abs=0.6)


def test_ringing_trails_below_its_echo_only():
    found = clutter_of(bright_point(30, 200), acoustics(tail_db=OFF, ringing_mm=5.0))
    trail = found[30]
    assert not found[:, :201].any()
    assert trail[210] > 0
    assert np.all(np.diff(trail[210:]) <= 0)
    # It falls to 1 / e within its length.
    assert trail[270] / trail[220] == pytest.approx(np.exp(-1), rel=0.05)
    assert not found[:26].any()
    assert not found[34:].any()


def test_clutter_is_linear_in_the_strength():
    rng = np.random.default_rng(0)
    strength = rng.random(GRID.shape[1:]).astype(np.float32)
    faces = (rng.integers(0, 60, 90), rng.integers(0, 400, 90), rng.random(90, np.float32))
    a = acoustics()
    once = artefacts.clutter(strength, faces, GRID, a)
    thrice = artefacts.clutter(3 * strength, (*faces[:2], 3 * faces[2]), GRID, a)
    assert once.min() >= 0
    assert once.max() > 0
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-4, atol=1e-6)


def test_clutter_leaves_the_strength_alone():
    strength = np.ones(GRID.shape[1:], np.float32)
    artefacts.clutter(strength, bright_point(3, 5), GRID, acoustics())
    np.testing.assert_array_equal(strength, 1)


def test_clutter_of_an_even_medium_is_even_and_as_strong_as_its_levels():
    strength = np.ones(GRID.shape[1:], np.float32)
    a = acoustics(tail_db=-20.0, ringing_db=OFF)
    np.testing.assert_allclose(artefacts.clutter(strength, NO_FACES, GRID, a), 0.1, rtol=1e-3)
    a = acoustics(tail_db=OFF, ringing_db=-26.0, ringing_mm=2.0)
    deep = artefacts.clutter(strength, NO_FACES, GRID, a)[:, 200:]
    np.testing.assert_allclose(deep, 10 ** (-26 / 20), rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (5, 40)])
@pytest.mark.parametrize("spacing", [(0.05, 0.05), (3.0, 2.0)])
def test_clutter_of_tiny_slices(shape, spacing):
    grid = PhantomGrid((1, *shape), (1.0, *spacing))
    strength = np.ones(shape, np.float32)
    found = artefacts.clutter(strength, NO_FACES, grid, acoustics())
    assert found.shape == shape
    assert np.all(np.isfinite(found) & (found >= 0))


def test_dots_fill_their_rows_and_no_others():
    a = acoustics(dots_db=6.0)
    level = np.zeros(GRID.shape[1:], np.float32)
    rows = np.array([0.0, 0.25, 0.999], np.float32)
    artefacts.add_dotted_rows(level, rows, 0.5, a, np.random.default_rng(0))
    expected = [int(row * (GRID.shape[2] - 1)) for row in rows]
    np.testing.assert_array_equal(np.nonzero(level.any(axis=0))[0], expected)
    # Rows are broken, and no dot is higher than the level asks for.
    assert np.all((level[:, expected] == 0).any(axis=0))
    assert 0 < level.max() <= 0.5 * artefacts.amplitude(6.0)
    assert level.min() == 0
