"""Random fields that span a whole hand: tissue texture, patchy bone echoes, veins."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.grid import Grid
from amcnet.phantom.tissue import Slab, Tissue

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """Random fields of one scan.

    Attributes:
        texture: Strength of the speckle, on a grid of :func:`_texture_steps`.
        dropout: How well bone reflects, on the same grid's (scan, lateral) columns.
        vein_paths_mm: Lateral position of each vein in every scan slice.
        vein_radii_mm: Radius of each vein.
        grid: The grid of the volume.
    """

    texture: Field
    dropout: Field
    vein_paths_mm: Field
    vein_radii_mm: Field
    grid: Grid

    @classmethod
    def draw(cls, grid: Grid, acoustics: Acoustics, rng: Generator) -> "Scene":
        """Draw the fields of a scan."""
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
