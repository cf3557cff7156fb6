from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.phantom import PhantomGrid
from amcnet.phantom.acoustics import Acoustics, draw_acoustics, without
from amcnet.phantom.display import WHITE_DB, add_noise, noise_level, time_gain, to_grey

GRID = PhantomGrid((1, 20, 400), (1.0, 1.0, 0.11))


def acoustics(seed: int = 0, **settings) -> Acoustics:
    return replace(draw_acoustics(np.random.default_rng(seed)), **settings)


def grey_of(level: float, a: Acoustics, flicker_db: float = 0.0) -> int:
    return int(to_grey(np.full((1, 1), level, np.float32), flicker_db, a)[0, 0])


@given(st.floats(1e-6, 10), st.integers(0, 50), st.floats(-1, 1))
def test_grey_is_the_logarithm_of_the_level(level, seed, flicker_db):
    a = acoustics(seed)
    db = 20 * np.log10(level) + WHITE_DB + a.gain_db + flicker_db
    share = min(max(1 + db / a.dynamic_range_db, 0), 1) ** a.gamma
    assert abs(grey_of(level, a, flicker_db) - 255 * share) <= 1.01


@given(st.integers(0, 50))
def test_brighter_echoes_are_never_darker(seed):
    levels = np.geomspace(1e-8, 10, 500, dtype=np.float32)[None, :]
    grey = to_grey(levels.copy(), 0.0, acoustics(seed)).astype(int)[0]
    assert np.all(np.diff(grey) >= 0)
    assert (grey[0], grey[-1]) == (0, 255)


def test_range_of_the_display_ends_in_black_and_white():
    a = acoustics(gain_db=0.0, dynamic_range_db=50.0)
    assert grey_of(10 ** ((-WHITE_DB + 0.1) / 20), a) == 255
    assert grey_of(10 ** ((-WHITE_DB - 2) / 20), a) < 255
    assert grey_of(10 ** ((-WHITE_DB - 50.1) / 20), a) == 0
    assert grey_of(10 ** ((-WHITE_DB - 45) / 20), a) > 0
    assert grey_of(0.0, a) == 0


@given(st.integers(0, 200))
def test_noise_floor_shows_as_its_grey_whatever_the_machine(seed):
    a = acoustics(seed)
    assert abs(grey_of(noise_level(a), a) - 255 * a.noise_floor) <= 1.01


def test_no_noise_floor_means_no_noise():
    a = without(acoustics(), "noise")
    level = np.full((3, 5), 0.25, np.float32)
    add_noise(level, np.random.default_rng(0), a)
    np.testing.assert_array_equal(level, np.float32(0.25))


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.8])
def test_noise_lifts_the_level_by_the_floor_on_average(spread):
    a = acoustics(noise_spread=spread)
    level = np.full((300, 400), 0.5, np.float32)
    add_noise(level, np.random.default_rng(0), a)
    added = (level - np.float32(0.5)) / noise_level(a)
    assert added.mean() == pytest.approx(1, abs=0.03)
    assert added.min() >= 0
    # The size of a normal variable deviates by sqrt(1 - 2 / pi).
    assert added.std() == pytest.approx(spread * np.sqrt(1 - 2 / np.pi), abs=0.03)


def test_slope_of_the_time_gain_is_one_at_the_usual_standoff():
    gain = time_gain(GRID, acoustics(tgc_db_per_cm=8.0, tgc_sliders_db=(0.0,) * 6))
    assert np.interp(14.0, GRID.axis_mm(2), gain) == pytest.approx(1, rel=2e-3)
    np.testing.assert_allclose(np.diff(20 * np.log10(gain)), 8.0 * 0.011, rtol=1e-3)


def test_sliders_set_the_gain_at_even_depths():
    sliders = (1.0, -2.0, 0.5, 2.0)
    gain = time_gain(GRID, acoustics(tgc_db_per_cm=0.0, tgc_sliders_db=sliders))
    at = np.linspace(0, GRID.extent_mm[2], 4)
    found = np.interp(at, GRID.axis_mm(2), 20 * np.log10(gain))
    np.testing.assert_allclose(found, sliders, atol=1e-3)


def test_time_gain_can_be_switched_off():
    np.testing.assert_allclose(time_gain(GRID, without(acoustics(), "time gain")), 1)
