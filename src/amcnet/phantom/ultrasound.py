"""Ultrasound of a voxelised hand: ray terms along depth, speckle, a point spread function, noise.

In the line of Wein et al. and COLE: reflection and attenuation are cumulative along depth, the
scatterers are complex Gaussian noise, and both pass through a separable point spread function.
Each term is a function of its own. The probe lies at depth index 0.
"""

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.signal import lfilter

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.grid import Grid
from amcnet.phantom.interpolation import interpolate_axis
from amcnet.phantom.scene import Scene
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

Field = NDArray[np.float32]

_SLAB_SLICES = 96
_FWHM_TO_SIGMA = 1 / 2.355
_TAIL_STEP = 8
_FACING_REACH = 5  # slices that the slope of a face looks at to either side: blur and gradient
_WHITE_DB = 10.0  # echoes this far below a perfect reflector are white at zero gain
_SOFT_ECHO = 0.055  # amplitude of soft-tissue speckle relative to a perfect reflector
_BONE_ROUGHNESS = 0.35  # share of a bone's reflection that comes back: the face is rough


def render(
    voxeliser: Voxeliser, acoustics: Acoustics, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the 8-bit image of a hand and its labels, both (scan, lateral, depth).

    Noise is drawn slice by slice from the seed and the slice index, so the result depends neither
    on the slab size nor on what was rendered before.
    """
    grid = voxeliser.grid
    scene = Scene.draw(grid, acoustics, default_rng(SeedSequence(seed, spawn_key=(1,))))
    blur = int(np.ceil(3 * acoustics.psf_elevational_mm * _FWHM_TO_SIGMA / grid.spacing_mm[0]))
    halo = blur + _FACING_REACH
    image, labels = np.empty(grid.shape, np.uint8), np.empty(grid.shape, np.uint8)
    for start in range(0, grid.shape[0], _SLAB_SLICES):
        stop = min(start + _SLAB_SLICES, grid.shape[0])
        low, high = max(0, start - halo), min(grid.shape[0], stop + halo)
        slab = voxeliser.slab(low, high)
        scene.carve_veins(slab)
        core = slice(start - low, stop - low)
        labels[start:stop] = slab.labels[core]
        envelope = _envelope(slab, grid, acoustics, scene, seed)[core]
        image[start:stop] = _to_grey(envelope, grid, acoustics, seed, start)
    return image, labels


def _envelope(slab: Slab, grid: Grid, a: Acoustics, scene: Scene, seed: int) -> Field:
    """Return the echo amplitude of a slab before gain, noise and compression."""
    impedance = np.asarray(a.impedance_mrayl, np.float32)[slab.tissue]
    reflection = _reflection(impedance)
    amplitude = _echo_weight(slab, reflection, grid, a)
    specular = _specular(slab, reflection, grid, a, scene.dropout_of(slab))
    strength = np.asarray(a.scatter, np.float32)[slab.tissue] * np.float32(_SOFT_ECHO)
    strength *= scene.texture_of(slab)
    strength *= 1 + 0.45 * np.sin(slab.skin_mm * np.float32(2 * np.pi / a.layer_mm))
    strength *= amplitude
    _add_support(strength, slab, grid, a)
    noise = _slice_noise(seed, slab.start, strength.shape, 2)
    specular *= amplitude
    real = _point_spread(strength * noise[0] + specular, grid, a)
    imaginary = _point_spread(strength * noise[1], grid, a)
    envelope = np.hypot(real, imaginary)
    envelope += _tail(envelope, grid, a)
    envelope += _ringing(envelope, grid, a)
    return envelope


def _reflection(impedance: Field) -> Field:
    """Return the reflection coefficient at the upper face of each voxel."""
    reflection = np.zeros_like(impedance)
    above, below = impedance[..., :-1], impedance[..., 1:]
    reflection[..., 1:] = np.abs(below - above) / (below + above)
    return reflection


def _echo_weight(slab: Slab, reflection: Field, grid: Grid, a: Acoustics) -> Field:
    """Return what is left of a pulse and its echo at each voxel, with softened shadow edges."""
    db = np.asarray(a.attenuation_db_per_cm_mhz, np.float32)[slab.tissue]
    db *= np.float32(2 * a.frequency_mhz * grid.spacing_mm[2] / 10)
    db -= np.float32(20) * np.log10(1 - reflection**2)
    lost = np.cumsum(db, axis=2, dtype=np.float32)
    np.minimum(lost, 90, out=lost)
    gaussian_filter1d(lost, a.shadow_softening_mm / grid.spacing_mm[1], axis=1, output=lost)
    weight: Field = np.exp(lost * np.float32(-np.log(10) / 20))
    return weight


def _specular(slab: Slab, reflection: Field, grid: Grid, a: Acoustics, dropout: Field) -> Field:
    """Return mirror-like echoes of skin and bone, weaker where the face slopes."""
    skin = slab.skin_mm < 0
    bone = (slab.tissue == Tissue.CORTEX) | (slab.tissue == Tissue.EPIPHYSIS)
    facing_skin = _facing(skin, grid) ** a.specular_power
    facing_bone = _facing(bone, grid) ** a.specular_power
    echo = reflection.copy()
    near_skin = np.abs(slab.skin_mm) < 2 * grid.spacing_mm[2]
    skin_gain = a.skin_echo * (0.12 + 0.88 * facing_skin)
    bone_gain = _BONE_ROUGHNESS * (0.12 + 0.88 * facing_bone) * dropout
    echo *= np.where(near_skin, skin_gain[..., None], bone_gain[..., None])
    return echo


def _facing(mask: NDArray[np.bool_], grid: Grid) -> Field:
    """Return the cosine between the beam and the normal of the first face in each column."""
    top = np.argmax(mask, axis=2).astype(np.float32) * np.float32(grid.spacing_mm[2])
    top[~mask.any(axis=2)] = np.float32(grid.extent_mm[2])
    top = gaussian_filter(top, (1.0, 1.0))
    along = np.gradient(top, grid.spacing_mm[0], axis=0) if len(top) > 1 else np.zeros_like(top)
    across = np.gradient(top, grid.spacing_mm[1], axis=1)
    cosine: Field = (1 / np.sqrt(1 + along**2 + across**2)).astype(np.float32)
    return cosine


def _add_support(strength: Field, slab: Slab, grid: Grid, a: Acoustics) -> None:
    """Add the striped support that is seen between the fingers, in place."""
    depth = grid.axis_mm(2)
    below = depth - np.float32(a.support_depth_mm)
    stripes = np.where(below > 0, 0.5 + 0.5 * np.cos(below * 2 * np.pi / 0.9), 0)
    free = ~(slab.tissue != Tissue.WATER).any(axis=2)
    strength += free[..., None] * (a.support_echo * _SOFT_ECHO * stripes).astype(np.float32)


def _slice_noise(seed: int, start: int, shape: tuple[int, ...], count: int) -> Field:
    """Return standard normal noise, (count, scan, lateral, depth), drawn slice by slice."""
    noise = np.empty((count, *shape), np.float32)
    for index in range(shape[0]):
        rng = default_rng(SeedSequence(seed, spawn_key=(2, start + index, count)))
        noise[:, index] = rng.standard_normal((count, *shape[1:]), dtype=np.float32)
    return noise


def _point_spread(field: Field, grid: Grid, a: Acoustics) -> Field:
    """Blur along all axes and keep the variance of white noise."""
    widths = (a.psf_elevational_mm, a.psf_lateral_mm, a.psf_axial_mm)
    for axis, (width, spacing) in enumerate(zip(widths, grid.spacing_mm, strict=True)):
        sigma = width * _FWHM_TO_SIGMA / spacing
        field = gaussian_filter1d(field, sigma, axis=axis, truncate=3)
        field *= np.float32(max(1.0, np.sqrt(2 * np.sqrt(np.pi) * sigma)) if axis else 1.0)
    return field


def _tail(envelope: Field, grid: Grid, a: Acoustics) -> Field:
    """Return the haze of the side lobes: a wide, weak blur across the beam."""
    coarse = envelope[:, ::_TAIL_STEP]
    sigma = a.tail_mm * _FWHM_TO_SIGMA / (grid.spacing_mm[1] * _TAIL_STEP)
    coarse = gaussian_filter1d(coarse, sigma, axis=1)
    haze = interpolate_axis(coarse, 1, np.arange(envelope.shape[1]) / _TAIL_STEP)
    np.maximum(haze, 0, out=haze)
    haze *= np.float32(10 ** (a.tail_db / 20))
    return haze


def _ringing(envelope: Field, grid: Grid, a: Acoustics) -> Field:
    """Return the reverberation that trails every echo and keeps shadows from being black."""
    decay = np.exp(-grid.spacing_mm[2] / a.ringing_mm)
    gain = (1 - decay) * 10 ** (a.ringing_db / 20)
    trail: Field = lfilter(
        np.array([gain], np.float32), np.array([1, -decay], np.float32), envelope
    )
    return trail


def _to_grey(envelope: Field, grid: Grid, a: Acoustics, seed: int, start: int) -> NDArray[np.uint8]:
    """Apply time gain, noise, logarithmic compression and gamma."""
    tgc = 10 ** (a.tgc_db_per_cm * grid.axis_mm(2) / 10 / 20)
    level = envelope * tgc.astype(np.float32)
    # The floor of the electronics lies at a small, even grey, whatever gain and range are set to.
    floor_db = (a.noise_floor ** (1 / a.gamma) - 1) * a.dynamic_range_db - a.gain_db - _WHITE_DB
    noise = np.abs(_slice_noise(seed, start, envelope.shape, 1)[0])
    noise *= np.float32(a.noise_spread)
    noise += np.float32(1 - 0.8 * a.noise_spread)
    level += noise * np.float32(10 ** (floor_db / 20))
    decibel = 20 * np.log10(level + np.float32(1e-6))
    flicker = default_rng(SeedSequence(seed, spawn_key=(3,))).normal(0, a.flicker_db, grid.shape[0])
    decibel += flicker[start : start + len(envelope), None, None].astype(np.float32)
    grey = (decibel + np.float32(a.gain_db + _WHITE_DB)) / np.float32(a.dynamic_range_db) + 1
    eight_bit: NDArray[np.uint8] = (255 * np.clip(grey, 0, 1) ** np.float32(a.gamma)).astype(
        np.uint8
    )
    return eight_bit
