"""Ultrasound of a voxelised hand: ray terms along depth, speckle, a point spread function, noise.

In the line of Wein et al. and COLE: reflection and attenuation are cumulative along depth, the
scatterers are complex Gaussian noise, and both pass through a separable point spread function.
Each term is a function of its own. The probe lies at depth index 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.signal import lfilter

from amcnet.phantom.grid import Grid
from amcnet.phantom.interpolation import interpolate_axis
from amcnet.phantom.tissue import Slab, Tissue, Voxeliser

Field = NDArray[np.float32]

_SLAB_SLICES = 96
_FWHM_TO_SIGMA = 1 / 2.355
_TAIL_STEP = 8
_FACING_REACH = 5  # slices that the slope of a face looks at to either side: blur and gradient
_WHITE_DB = 10.0  # echoes this far below a perfect reflector are white at zero gain
_SOFT_ECHO = 0.055  # amplitude of soft-tissue speckle relative to a perfect reflector
_BONE_ROUGHNESS = 0.35  # share of a bone's reflection that comes back: the face is rough


@dataclass(frozen=True)
class Acoustics:
    """What was drawn for one scan. Tuples over tissues follow :class:`Tissue`."""

    frequency_mhz: float
    dynamic_range_db: float
    gamma: float
    gain_db: float
    tgc_db_per_cm: float
    specular_power: float
    skin_echo: float
    impedance_mrayl: tuple[float, ...]
    attenuation_db_per_cm_mhz: tuple[float, ...]
    scatter: tuple[float, ...]
    psf_axial_mm: float
    psf_lateral_mm: float
    psf_elevational_mm: float
    tail_db: float
    tail_mm: float
    shadow_softening_mm: float
    texture_mm: float
    layer_mm: float
    ringing_db: float
    ringing_mm: float
    noise_floor: float
    noise_spread: float
    flicker_db: float
    support_depth_mm: float
    support_echo: float
    vein_count: int


def draw_acoustics(rng: Generator) -> Acoustics:
    """Draw the settings of one scan from broad ranges."""
    scatter = np.array([0.0, 1.0, 0.2, 0.15, 0.05, 1.3]) * rng.uniform(0.6, 1.4, 6)
    soft_attenuation = rng.uniform(0.5, 0.9)
    frequency = rng.uniform(8, 14)
    return Acoustics(
        frequency_mhz=frequency,
        dynamic_range_db=rng.uniform(45, 65),
        gamma=rng.uniform(0.9, 1.3),
        gain_db=rng.uniform(-6, 6),
        tgc_db_per_cm=2 * frequency * soft_attenuation * rng.uniform(0.35, 0.65),
        specular_power=rng.uniform(2, 6),
        skin_echo=rng.uniform(4, 8),
        impedance_mrayl=(
            1.48, 1.63, 1.75, rng.uniform(4, 6), rng.uniform(6.5, 7.8), rng.uniform(1.7, 1.8),
        ),
        attenuation_db_per_cm_mhz=(
            0.002, soft_attenuation, 1.0, 7.0, rng.uniform(10, 15), 1.5,
        ),
        scatter=tuple(float(value) for value in scatter),
        psf_axial_mm=0.16 * rng.uniform(0.8, 1.4),
        psf_lateral_mm=rng.uniform(0.3, 0.6) * rng.uniform(0.8, 1.4),
        psf_elevational_mm=rng.uniform(1, 2),
        tail_db=rng.uniform(-30, -20),
        tail_mm=rng.uniform(3, 6),
        shadow_softening_mm=rng.uniform(0.4, 0.6),
        texture_mm=float(np.exp(rng.uniform(np.log(0.5), np.log(2.0)))),
        layer_mm=rng.uniform(0.8, 2.0),
        ringing_db=rng.uniform(-30, -18),
        ringing_mm=rng.uniform(2, 6),
        noise_floor=rng.uniform(0.035, 0.065),
        noise_spread=rng.uniform(0.2, 0.8),
        flicker_db=rng.uniform(0.1, 1.0),
        support_depth_mm=rng.uniform(40, 44.5),
        support_echo=rng.uniform(0.0, 0.25),
        vein_count=int(rng.integers(2, 7)),
    )  # fmt: skip


def render(
    voxeliser: Voxeliser, acoustics: Acoustics, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the 8-bit image of a hand and its labels, both (scan, lateral, depth).

    Noise is drawn slice by slice from the seed and the slice index, so the result depends neither
    on the slab size nor on what was rendered before.
    """
    grid = voxeliser.grid
    scene = _Scene.draw(grid, acoustics, default_rng(SeedSequence(seed, spawn_key=(1,))))
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


@dataclass(frozen=True)
class _Scene:
    """Random fields that span the whole hand."""

    texture: Field
    dropout: Field
    vein_paths_mm: Field
    vein_radii_mm: Field
    grid: Grid

    @classmethod
    def draw(cls, grid: Grid, acoustics: Acoustics, rng: Generator) -> "_Scene":
        steps = _texture_steps(grid)
        shape = tuple(-(-n // step) for n, step in zip(grid.shape, steps, strict=True))
        spacing = [d * step for d, step in zip(grid.spacing_mm, steps, strict=True)]
        # Tissue lies in layers along the skin: wider than deep.
        lengths = np.array([2.0, 2.0, 0.5]) * acoustics.texture_mm
        texture = gaussian_filter(
            rng.standard_normal(shape, dtype=np.float32), lengths / np.array(spacing)
        )
        dropout = gaussian_filter(
            rng.standard_normal(shape[:2], dtype=np.float32), 2.5 / np.array(spacing[:2])
        )
        count = acoustics.vein_count
        along = grid.axis_mm(0) / grid.extent_mm[0]
        start = rng.uniform(0.15, 0.85, (count, 1)) * grid.extent_mm[1]
        swing = rng.uniform(2, 14, (count, 1)) * np.sin(
            np.pi * rng.uniform(0.5, 2.5, (count, 1)) * along + rng.uniform(0, 6, (count, 1))
        )
        return cls(
            texture=np.exp(0.5 * texture / texture.std()).astype(np.float32),
            dropout=np.exp(0.6 * dropout / dropout.std()).astype(np.float32),
            vein_paths_mm=(start + swing).astype(np.float32),
            vein_radii_mm=rng.uniform(0.5, 1.3, count).astype(np.float32),
            grid=grid,
        )

    def texture_of(self, slab: Slab) -> Field:
        """Return the speckle strength of a slab's voxels."""
        scan_step, *_ = _texture_steps(self.grid)
        first = slab.start // scan_step
        last = -(-(slab.start + len(slab.labels)) // scan_step)
        coarse = self.texture[first:last]
        fine = coarse.repeat(scan_step, axis=0)[slab.start - first * scan_step :]
        fine = fine[: len(slab.labels)]
        for axis, step in enumerate(_texture_steps(self.grid)[1:], start=1):
            fine = fine.repeat(step, axis=axis)
        return fine[:, : self.grid.shape[1], : self.grid.shape[2]]

    def dropout_of(self, slab: Slab) -> Field:
        """Return how well bone reflects in each (scan, lateral) column of a slab."""
        scan_step, lateral_step, _ = _texture_steps(self.grid)
        fine = self.dropout.repeat(scan_step, axis=0).repeat(lateral_step, axis=1)
        return fine[slab.start : slab.start + len(slab.labels), : self.grid.shape[1]]

    def carve_veins(self, slab: Slab) -> None:
        """Fill tubes that follow the dorsal skin with water (blood is as dark)."""
        lateral = self.grid.axis_mm(1)
        paths = self.vein_paths_mm[:, slab.start : slab.start + len(slab.labels)]
        dorsal = np.cumsum(slab.skin_mm < 0, axis=2, dtype=np.int16) * np.float32(
            self.grid.spacing_mm[2]
        )
        for path, radius in zip(paths, self.vein_radii_mm, strict=True):
            near = np.abs(lateral[None, :] - path[:, None]) < radius
            scan, column = np.nonzero(near)
            across = (lateral[column] - path[scan])[:, None]
            below = slab.skin_mm[scan, column] + 1.2 + radius
            inside = (across**2 + below**2 < radius**2) & (dorsal[scan, column] < 6)
            columns = slab.tissue[scan, column]
            columns[inside & (columns == Tissue.SOFT)] = Tissue.WATER
            slab.tissue[scan, column] = columns


def _texture_steps(grid: Grid) -> tuple[int, int, int]:
    """Return how many voxels share one sample of the texture: about 0.56 x 0.52 x 0.18 mm."""
    scan, lateral, depth = (
        max(1, round(size / spacing))
        for size, spacing in zip((0.56, 0.52, 0.18), grid.spacing_mm, strict=True)
    )
    return scan, lateral, depth


def _envelope(slab: Slab, grid: Grid, a: Acoustics, scene: _Scene, seed: int) -> Field:
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
