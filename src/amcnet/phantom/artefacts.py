"""Artefacts: side lobes, ringing, repeated echoes and dotted rows of interference."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.interpolation import interpolate_axis, refine_last_axis
from amcnet.phantom.solids import Field

Faces = tuple[NDArray[np.intp], NDArray[np.intp], Field]
"""Lateral index, depth index and echo of every interface of a slice."""

FWHM_TO_SIGMA = 1 / 2.355
_COARSE_MM = (1.0, 0.5)  # (lateral, depth): clutter is smooth
_SKIN_ECHO_MM = (
    -0.3,
    1.5,
)  # part of a column, starting at the skin, that skin reverberation repeats
_BONE_ECHO_MM = (-0.3, 0.8)
_GHOST_MM = (-0.4, 0.5)
_DOT_FADE = 0.5


def amplitude(level_db: float) -> float:
    """Return the factor of a level in dB; minus infinity gives zero."""
    return float(10 ** (level_db / 20))


def clutter(strength: Field, faces: Faces, grid: PhantomGrid, a: Acoustics) -> Field:
    """Return the clutter of a slice, as the strength of scatterers.

    Side lobes repeat every echo weakly a few millimetres to its sides (the haze next to the hand).
    Ringing follows each echo, so shadows are not black.

    Args:
        strength: (lateral, depth) strength of the scatterers' echoes.
        faces: Specular echoes, in the same unit.
        grid: The voxel grid.
        a: The acoustic settings of the scan.
    """
    rows, columns = (
        max(1, round(size / spacing))
        for size, spacing in zip(_COARSE_MM, grid.spacing_mm[1:], strict=True)
    )
    coarse = strength[::rows, ::columns].copy()
    lateral, depth, echo = faces
    # A face is thinner than a sample and fills it only partly.
    thickness = max(a.psf_axial_mm, grid.spacing_mm[2])
    filled = echo * np.float32(thickness / (columns * grid.spacing_mm[2] * rows))
    np.add.at(coarse, (lateral // rows, depth // columns), filled)
    sigma = a.tail_mm * FWHM_TO_SIGMA / (grid.spacing_mm[1] * rows)
    total = gaussian_filter1d(coarse, sigma, axis=0) * np.float32(amplitude(a.tail_db))
    decay = np.exp(-columns * grid.spacing_mm[2] / a.ringing_mm)
    gain = (1 - decay) * amplitude(a.ringing_db)
    # A trail follows its echo: delayed by one sample.
    numerator, denominator = np.array([0, gain]), np.array([1, -decay])
    total += lfilter(numerator.astype(np.float32), denominator.astype(np.float32), coarse, axis=1)
    total = np.concatenate([total, total[:, -1:]], axis=1)
    wide = interpolate_axis(total, 0, np.arange(len(strength)) / rows)
    return np.maximum(refine_last_axis(wide, columns, strength.shape[1]), 0)


def add_skin_reverberation(
    envelope: Field, skin_mm: Field, facing: Field, grid: PhantomGrid, a: Acoustics
) -> None:
    """Add the echo that bounces between skin and probe: the skin again at twice its depth.

    Args:
        envelope: (lateral, depth), modified in place.
        skin_mm: Depth of the skin in each column.
        facing: Share of the echo that returns to the probe in each column.
        grid: The voxel grid.
        a: The acoustic settings of the scan.
    """
    gain = amplitude(a.skin_reverberation_db) * facing
    _repeat(envelope, skin_mm, skin_mm, _SKIN_ECHO_MM, grid, gain)


def add_bone_reverberation(
    envelope: Field, faces_mm: tuple[Field, Field], facing: Field, grid: PhantomGrid, a: Acoustics
) -> None:
    """Add reverberations between bone and skin, which repeat the bone in its shadow.

    ``faces_mm`` holds the depths of skin and bone; see :func:`add_skin_reverberation`.
    """
    skin_mm, bone_mm = faces_mm
    for order in (1, 2):
        gain = amplitude(order * a.bone_reverberation_db) * facing
        _repeat(envelope, bone_mm, order * (bone_mm - skin_mm), _BONE_ECHO_MM, grid, gain)


def add_ghost_arcs(
    envelope: Field, skin_mm: Field, facing: Field, grid: PhantomGrid, a: Acoustics
) -> None:
    """Add faint arcs in the water above the skin, flatter copies of it."""
    gain = amplitude(a.ghost_db) * facing
    least = np.float32(_GHOST_MM[0] - _GHOST_MM[1])  # the copy ends above its source
    for part in a.ghost_depths:
        shift = np.minimum((part - 1) * skin_mm, least)
        _repeat(envelope, skin_mm, shift, _GHOST_MM, grid, gain)


def add_dotted_rows(level: Field, rows: Field, floor: float, a: Acoustics, rng: Generator) -> None:
    """Add rows of dots at fixed depths, like electronic interference.

    Args:
        level: (lateral, depth) after time-gain compensation, modified in place.
        rows: Relative depth of each row, 0 to 1.
        floor: Level of the noise floor, to which the dots are relative.
        a: The acoustic settings of the scan.
        rng: Draws the dots of this slice.
    """
    lateral, depth = level.shape
    for row in rows:
        pulses = rng.random(lateral // 3 + 1) < _DOT_FADE
        dots = np.repeat(pulses, 3)[:lateral] * rng.uniform(0.3, 1.0, lateral)
        level[:, int(row * (depth - 1))] += np.float32(floor * amplitude(a.dots_db)) * dots


def _repeat(
    envelope: Field,
    start_mm: Field,
    shift_mm: Field,
    part_mm: tuple[float, float],
    grid: PhantomGrid,
    gain: Field,
) -> None:
    """Add a shifted copy of the part of each column around a depth, in place.

    Columns whose depth is the end of the volume have no such face and stay unchanged.
    """
    spacing, depth = grid.spacing_mm[2], envelope.shape[1]
    rows = np.nonzero((start_mm < grid.extent_mm[2]) & (gain > 0))[0]
    offsets = np.arange(round(part_mm[0] / spacing), round(part_mm[1] / spacing) + 1)
    source = np.round(start_mm[rows] / spacing).astype(int)[:, None] + offsets
    target = source + np.round(shift_mm[rows] / spacing).astype(int)[:, None]
    seen = (source >= 0) & (source < depth) & (target >= 0) & (target < depth)
    row = rows[np.nonzero(seen)[0]]
    envelope[row, target[seen]] += envelope[row, source[seen]] * gain[row]
