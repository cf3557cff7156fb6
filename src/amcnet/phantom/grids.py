"""Voxel grids of phantoms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PhantomGrid:
    """A regular grid in canonical order (scan, lateral, depth).

    Voxel ``i`` of an axis has its centre at ``i * spacing_mm`` from the first voxel. Scan index 0
    is at the fingertips, depth index 0 at the probe.

    Attributes:
        shape: Voxels in (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.

    Example:
        >>> PhantomGrid((100, 80, 60), (2.0, 1.5, 0.5)).field_of_view_mm
        (200.0, 120.0, 30.0)
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    def axis_mm(self, axis: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return the voxel centres of part of one axis, in mm.

        Args:
            axis: 0 for scan, 1 for lateral, 2 for depth.
            start: First voxel.
            stop: Voxel after the last one, by default the end of the axis.

        Returns:
            float32 (voxel,), from the centre of the axis's first voxel.
        """
        end = self.shape[axis] if stop is None else stop
        return (np.arange(start, end) * self.spacing_mm[axis]).astype(np.float32)

    @property
    def field_of_view_mm(self) -> tuple[float, float, float]:
        """Size of the volume, in mm; grids of one device have the same size at any resolution."""
        scan, lateral, depth = (
            n * spacing for n, spacing in zip(self.shape, self.spacing_mm, strict=True)
        )
        return scan, lateral, depth

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Distance between the first and the last voxel centre of each axis, in mm."""
        scan, lateral, depth = (
            (n - 1) * spacing for n, spacing in zip(self.shape, self.spacing_mm, strict=True)
        )
        return scan, lateral, depth


FULL_GRID = PhantomGrid((609, 1023, 512), (0.279, 0.130, 0.088))
"""The grid of the paper's device: 0.088 x 0.130 x 0.279 mm."""

NETWORK_GRID = PhantomGrid((609, 512, 256), (0.279, 0.130 * 1023 / 512, 0.176))
"""The transverse plane resized to 512 x 256, the input size of the paper's network."""

HALF_GRID = PhantomGrid((304, 256, 128), (0.279 * 609 / 304, 0.130 * 1023 / 256, 0.352))
"""Half the resolution along every axis: eight times as many hands in the same time."""

GRIDS = {"full": FULL_GRID, "network": NETWORK_GRID, "half": HALF_GRID}
