"""From echo amplitude to 8-bit intensity: time-gain compensation, electronic noise, compression."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.artefacts import amplitude
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.solids import Field

WHITE_DB = 10.0  # echoes this far below a perfect reflector are white at zero gain
_SMALLEST = 1e-7
_STANDOFF_CM = 1.4
_NORMAL_QUANTILES = ndtri((np.arange(256) + 0.5) / 256)


def time_gain(grid: PhantomGrid, a: Acoustics) -> Field:
    """Return the gain of each depth: a slope plus the sliders of the machine.

    The slope is 1 at the usual stand-off, for which the overall gain is set.
    """
    depth_cm = grid.axis_mm(2) / 10
    knots = np.linspace(0, grid.extent_mm[2] / 10, len(a.tgc_sliders_db))
    sliders = np.interp(depth_cm, knots, a.tgc_sliders_db)
    return (10 ** ((a.tgc_db_per_cm * (depth_cm - _STANDOFF_CM) + sliders) / 20)).astype(np.float32)


def noise_level(a: Acoustics) -> float:
    """Return the noise floor, displayed as the same low intensity at any gain and range."""
    if a.noise_floor == 0:
        return 0.0
    above_black_db = a.noise_floor ** (1 / a.gamma) * a.dynamic_range_db
    return amplitude(above_black_db - a.dynamic_range_db - a.gain_db - WHITE_DB)


def add_noise(level: Field, rng: Generator, a: Acoustics) -> None:
    """Add electronic noise in place: the magnitude of a normal variable in 256 equal quantiles."""
    share = (1 - 0.8 * a.noise_spread) + a.noise_spread * np.abs(_NORMAL_QUANTILES)
    steps = (noise_level(a) * share).astype(np.float32)
    values = np.frombuffer(rng.bytes(level.size), np.uint8).reshape(level.shape)
    level += steps.take(values, mode="wrap")


def to_grey(level: Field, flicker_db: float, a: Acoustics) -> NDArray[np.uint8]:
    """Return 8-bit intensities by logarithmic compression and gamma; ``level`` is overwritten."""
    np.maximum(level, np.float32(_SMALLEST), out=level)
    np.log10(level, out=level)
    level *= np.float32(20 / a.dynamic_range_db)
    level += np.float32((a.gain_db + WHITE_DB + flicker_db) / a.dynamic_range_db + 1)
    np.clip(level, 0, 1, out=level)
    np.power(level, np.float32(a.gamma), out=level)
    level *= np.float32(255)
    return level.astype(np.uint8)
