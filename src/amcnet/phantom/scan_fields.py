"""Random fields of one scan: tissue texture, layers, patchy bone, veins, motion."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.interpolation import interpolate_axis, refine_last_axis
from amcnet.phantom.solids import Field
from amcnet.phantom.tissue import Slab, Tissue

_SAMPLES_PER_LENGTH = 1.4
_FINEST_TEXTURE_MM = (0.56, 0.39, 0.176)
_TEXTURE_TILE = (128, 128)  # samples along scan and lateral after which the texture repeats
_LAYER_STEP_MM = 0.05
_LAYER_DEPTH_MM = 60.0
_PATCH_MM = 2.5
_VEIN_COVER_MM = 1.2
_VEIN_DEPTH_MM = 6.0


@dataclass(frozen=True)
class ScanFields:
    """Random fields of one scan.

    Attributes:
        texture: Strength of the speckle, a tile of samples (scan, lateral, depth).
        texture_steps: Voxels between two samples of the texture.
        layers: Strength of the speckle by distance below the skin.
        patches: Reflectivity of bone in each (scan, lateral) column.
        vein_paths_mm: Lateral position of each vein in every scan slice.
        vein_radii_mm: Radius of each vein.
        shift_mm: Displacement of each slice, (scan, [lateral, depth]).
        flicker_db: Gain of each slice.
        grid: The grid of the volume.
    """

    texture: Field
    texture_steps: tuple[int, int, int]
    layers: Field
    patches: Field
    vein_paths_mm: Field
    vein_radii_mm: Field
    shift_mm: Field
    flicker_db: Field
    grid: PhantomGrid

    @classmethod
    def draw(cls, grid: PhantomGrid, acoustics: Acoustics, rng: Generator) -> "ScanFields":
        """Draw the fields of a scan."""
        texture_rng, layer_rng, patch_rng, vein_rng, motion_rng = rng.spawn(5)
        texture, steps = _draw_texture(grid, acoustics, texture_rng)
        paths, radii = _draw_veins(grid, acoustics.vein_count, vein_rng)
        slices = grid.shape[0]
        motion = gaussian_filter1d(motion_rng.standard_normal((slices, 2)), 1.5, axis=0)
        shift = acoustics.jitter_mm * np.clip(
            motion / 0.43 / 2, -1, 1
        )  # 0.43: the deviation that remains after the blur
        flicker = np.clip(motion_rng.normal(0, 0.5, slices), -1, 1)
        return cls(
            texture=texture,
            texture_steps=steps,
            layers=_draw_layers(acoustics, layer_rng),
            patches=_draw_patches(grid, acoustics, patch_rng),
            vein_paths_mm=paths,
            vein_radii_mm=radii,
            shift_mm=shift.astype(np.float32),
            flicker_db=(acoustics.flicker_db * flicker).astype(np.float32),
            grid=grid,
        )

    def texture_of(self, index: int) -> Field:
        """Return the speckle strength of one slice, (lateral, depth)."""
        scan_step, lateral_step, depth_step = self.texture_steps
        below, fraction = divmod(index / scan_step, 1)
        first, second = (self.texture[(int(below) + k) % len(self.texture)] for k in (0, 1))
        plane = first + np.float32(fraction) * (second - first)
        lateral, depth = self.grid.shape[1:]
        rows = np.arange(-(-lateral // lateral_step) + 1) % plane.shape[0]
        wide = interpolate_axis(plane[rows], 0, np.arange(lateral) / lateral_step)
        return refine_last_axis(wide, depth_step, depth)

    def layers_of(self, skin_mm: Field) -> Field:
        """Return the speckle strength of tissue layers, by the distance to the skin."""
        index = skin_mm * np.float32(-1 / _LAYER_STEP_MM)
        np.clip(index, 0, len(self.layers) - 1, out=index)
        strength: Field = self.layers[index.astype(np.int16)]
        return strength

    def carve_veins(self, slab: Slab) -> None:
        """Fill tubes that follow the dorsal skin with blood."""
        lateral, depth = self.grid.axis_mm(1), self.grid.axis_mm(2)
        paths = self.vein_paths_mm[:, slab.start : slab.start + len(slab.labels)]
        skin_depth = depth[np.argmax(slab.skin_mm < 0, axis=2)]
        for path, radius in zip(paths, self.vein_radii_mm, strict=True):
            near = np.abs(lateral[None, :] - path[:, None]) < radius
            scan, column = np.nonzero(near)
            across = (lateral[column] - path[scan])[:, None]
            below = slab.skin_mm[scan, column] + _VEIN_COVER_MM + radius
            dorsal = depth[None, :] - skin_depth[scan, column][:, None] < _VEIN_DEPTH_MM
            columns = slab.tissue[scan, column]
            inside = (across**2 + below**2 < radius**2) & dorsal
            columns[inside & (columns == Tissue.SOFT)] = Tissue.BLOOD
            slab.tissue[scan, column] = columns


def _draw_texture(
    grid: PhantomGrid, a: Acoustics, rng: Generator
) -> tuple[Field, tuple[int, int, int]]:
    # Tissue lies in layers along the skin: wider than deep.
    lengths = np.array([2.0, 2.0, 0.5]) * a.texture_mm
    spacing = np.array(grid.spacing_mm)
    wanted = np.maximum(lengths / _SAMPLES_PER_LENGTH, _FINEST_TEXTURE_MM)
    scan, lateral, depth = (int(step) for step in np.maximum(1, np.round(wanted / spacing)))
    steps = np.array([scan, lateral, depth])
    shape = (*_TEXTURE_TILE, -(-grid.shape[2] // depth) + 1)
    noise = rng.standard_normal(shape, dtype=np.float32)
    texture = gaussian_filter(noise, lengths / (spacing * steps), mode="wrap")
    texture *= np.float32(a.texture_contrast / texture.std())
    strength: Field = np.exp(texture)
    return strength, (scan, lateral, depth)


def _draw_layers(a: Acoustics, rng: Generator) -> Field:
    noise = rng.standard_normal(round(_LAYER_DEPTH_MM / _LAYER_STEP_MM))
    layers = gaussian_filter1d(noise, a.layer_mm / 2 / _LAYER_STEP_MM)
    strength: Field = np.exp(a.layer_contrast * layers / layers.std()).astype(np.float32)
    return strength


def _draw_patches(grid: PhantomGrid, a: Acoustics, rng: Generator) -> Field:
    steps = [max(1, round(_PATCH_MM / 2 / spacing)) for spacing in grid.spacing_mm[:2]]
    shape = [-(-n // step) + 1 for n, step in zip(grid.shape[:2], steps, strict=True)]
    sigma = [_PATCH_MM / (d * step) for d, step in zip(grid.spacing_mm[:2], steps, strict=True)]
    # The margin gives small grids enough independent values.
    margin = [int(np.ceil(4 * s)) for s in sigma]
    noise = rng.standard_normal([n + 2 * m for n, m in zip(shape, margin, strict=True)])
    patches = gaussian_filter(noise, sigma)[margin[0] : -margin[0], margin[1] : -margin[1]]
    left = np.prod(
        [1 / np.sqrt(2 * np.sqrt(np.pi) * s) for s in sigma]
    )  # as a fraction of the noise's deviation
    coarse = np.exp(a.bone_patchiness * patches / left).astype(np.float32)
    along = interpolate_axis(coarse, 0, np.arange(grid.shape[0]) / steps[0])
    return interpolate_axis(along, 1, np.arange(grid.shape[1]) / steps[1])


def _draw_veins(grid: PhantomGrid, count: int, rng: Generator) -> tuple[Field, Field]:
    along = grid.axis_mm(0) / max(grid.extent_mm[0], grid.spacing_mm[0])
    start = rng.uniform(0.15, 0.85, (count, 1)) * grid.extent_mm[1]
    swing = rng.uniform(2, 14, (count, 1)) * np.sin(
        np.pi * rng.uniform(0.5, 2.5, (count, 1)) * along + rng.uniform(0, 6, (count, 1))
    )
    radii = rng.uniform(0.7, 1.8, count)
    return (start + swing).astype(np.float32), radii.astype(np.float32)
