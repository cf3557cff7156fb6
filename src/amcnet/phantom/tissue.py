"""From solids to voxels: labels, tissues and the distance to the skin, slab by slab."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from amcnet.anatomy import hand_label_table
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.hand_anatomy import Hand
from amcnet.phantom.interpolation import interpolate_axis, refine_last_axis
from amcnet.phantom.solids import Field, Solid

_SKIN_STEP = 4  # the distance to the skin is smooth: every fourth voxel is enough
_WEB_MM = 2.0  # distance over which skin bridges the gap between neighbouring fingers
_FLESH_REACH_MM = 20.0
_SLOPE_REACH_MM = 12.0  # well below the reach: distances to elliptic tubes are underestimated
_SLOPE_BLUR_MM = 2.5
_FAR_MM = 30.0
_BOX_MARGIN_MM = 0.5


class Tissue(IntEnum):
    """Tissue of a voxel; the values index the acoustic tables."""

    WATER = 0
    SOFT = 1
    CARTILAGE = 2
    EPIPHYSIS = 3
    CORTEX = 4
    TENDON = 5
    BLOOD = 6


@dataclass(frozen=True)
class Slab:
    """Consecutive scan slices of a voxelised hand; all arrays are (scan, lateral, depth).

    Attributes:
        start: Scan index of the first slice.
        labels: uint8, 0 or 1-38.
        tissue: uint8 values of :class:`Tissue`.
        skin_mm: float32 signed distance to the skin, negative inside the hand.
    """

    start: int
    labels: NDArray[np.uint8]
    tissue: NDArray[np.uint8]
    skin_mm: NDArray[np.float32]


class Voxeliser:
    """Turns one hand into slabs of voxels on one grid."""

    def __init__(self, hand: Hand, grid: PhantomGrid) -> None:
        self.hand = hand
        self.grid = grid
        self._skin = _CoarseSkin(hand, grid)
        table = hand_label_table()
        self._tissue_of_label = np.full(256, Tissue.CORTEX, np.uint8)
        self._tissue_of_label[[s.value for s in table if s.kind == "epiphysis"]] = Tissue.EPIPHYSIS

    def slab(self, start: int, stop: int) -> Slab:
        """Return slices ``start`` to ``stop`` (exclusive)."""
        shape = (stop - start, *self.grid.shape[1:])
        skin = self.skin_mm(start, stop)
        tissue = np.where(skin < 0, np.uint8(Tissue.SOFT), np.uint8(Tissue.WATER))
        for solids, kind in (
            (self.hand.tendons, Tissue.TENDON),
            (self.hand.cartilage, Tissue.CARTILAGE),
            (self.hand.wrist, Tissue.CORTEX),
        ):
            for solid in solids:
                self._fill(tissue, solid, kind, start)
        labels = self._labels(shape, start)
        np.copyto(tissue, self._tissue_of_label[labels], where=labels > 0)
        return Slab(start, labels, tissue, skin)

    def skin_mm(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the distance to the skin in slices ``start`` to ``stop`` (exclusive)."""
        return self._skin.refine(self._skin.distance_mm, start, stop)

    def beside_slopes(self, start: int, stop: int, reach_mm: float) -> NDArray[np.float32]:
        """Return how near each voxel is to skin that slopes to a side: 1 at a vertical face.

        Args:
            start: First slice.
            stop: Slice after the last.
            reach_mm: Distance from the skin at which it has fallen to 1 / e.
        """
        first, last = self._skin.slices(start, stop)
        distance = self._skin.distance_mm[first:last]
        # Only lateral slopes: there is no haze beyond the fingertips. Without the blur a dark line
        # would appear above every crown.
        slope = np.abs(np.gradient(distance, self._skin.lateral_step_mm, axis=1))
        slope = gaussian_filter1d(slope, _SLOPE_BLUR_MM / self._skin.lateral_step_mm, axis=1)
        fading = np.maximum(1 - np.abs(distance) / _SLOPE_REACH_MM, 0) ** 2
        near = np.exp(-np.abs(distance) / reach_mm) * fading * np.minimum(slope, 1) ** 2
        return self._skin.refine(near.astype(np.float32), start, stop, first)

    def _labels(self, shape: tuple[int, ...], start: int) -> NDArray[np.uint8]:
        """Label every voxel with the structure in which it lies deepest."""
        labels = np.zeros(shape, np.uint8)
        deepest = np.zeros(shape, np.float32)
        for value, solid in self.hand.structures.items():
            region = self._region(solid, start, shape[0])
            if region is None:
                continue
            distance = self._distance(solid, region, start)
            inside = distance < deepest[region]
            labels[region][inside] = value
            deepest[region][inside] = distance[inside]
        return labels

    def _fill(self, tissue: NDArray[np.uint8], solid: Solid, kind: Tissue, start: int) -> None:
        region = self._region(solid, start, tissue.shape[0])
        if region is not None:
            tissue[region][self._distance(solid, region, start) < 0] = kind

    def _region(self, solid: Solid, start: int, length: int) -> tuple[slice, slice, slice] | None:
        """Return the part of a slab that a solid may fill, as slices of the slab's arrays."""
        spacing = np.array(self.grid.spacing_mm)
        scan_range = (start * spacing[0], (start + length - 1) * spacing[0])
        low, high = solid.bounds_mm(_BOX_MARGIN_MM, scan_range)
        if np.any(low > high):
            return None
        offset = np.array([start, 0, 0])
        limit = np.array([length, *self.grid.shape[1:]])
        first = np.clip(np.floor(low / spacing).astype(int) - offset, 0, limit)
        last = np.clip(np.ceil(high / spacing).astype(int) + 1 - offset, 0, limit)
        if np.any(last <= first):
            return None
        scan, lateral, depth = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        return scan, lateral, depth

    def _distance(self, solid: Solid, region: tuple[slice, slice, slice], start: int) -> Field:
        scan, lateral, depth = region
        return solid.distance_mm(
            self.grid.axis_mm(0, scan.start + start, scan.stop + start)[:, None, None],
            self.grid.axis_mm(1, lateral.start, lateral.stop)[None, :, None],
            self.grid.axis_mm(2, depth.start, depth.stop)[None, None, :],
        )


class _CoarseSkin:
    """Signed distance to the smooth union of flesh on every fourth voxel.

    The union is smooth (a log-sum-exp), which makes the webs between fingers. Across the hand the
    samples lie symmetrically in the grid, so that a mirrored hand has mirrored skin.
    """

    def __init__(self, hand: Hand, grid: PhantomGrid) -> None:
        self._grid = grid
        self._lateral_first = (grid.shape[1] - 1) / 2 % _SKIN_STEP - _SKIN_STEP
        self.lateral_step_mm = _SKIN_STEP * grid.spacing_mm[1]
        firsts = (0.0, self._lateral_first, 0.0)
        axes = [
            ((np.arange(n // _SKIN_STEP + 3) * _SKIN_STEP + first) * spacing).astype(np.float32)
            for n, first, spacing in zip(grid.shape, firsts, grid.spacing_mm, strict=True)
        ]
        total = np.full([len(axis) for axis in axes], np.exp(-_FAR_MM / _WEB_MM), np.float32)
        for solid in hand.flesh:
            low, high = solid.bounds_mm(_FLESH_REACH_MM)
            ranges = [np.searchsorted(axis, (low[i], high[i])) for i, axis in enumerate(axes)]
            s, x, d = (axis[a:b] for axis, (a, b) in zip(axes, ranges, strict=True))
            if not (len(s) and len(x) and len(d)):
                continue
            distance = solid.distance_mm(s[:, None, None], x[None, :, None], d[None, None, :])
            (a, b), (c, e), (f, g) = ranges
            total[a:b, c:e, f:g] += np.exp(np.clip(-distance / np.float32(_WEB_MM), -15, 15))
        self.distance_mm: Field = -np.float32(_WEB_MM) * np.log(total)

    def slices(self, start: int, stop: int) -> tuple[int, int]:
        """Return the coarse slices, first and last + 1, between which some slices lie."""
        return start // _SKIN_STEP, (stop - 1) // _SKIN_STEP + 2

    def refine(self, coarse: Field, start: int, stop: int, first: int = 0) -> Field:
        """Interpolate a coarse field, given from coarse slice ``first`` on, to some slices."""
        scan = np.arange(start, stop) / _SKIN_STEP - first
        lateral = (np.arange(self._grid.shape[1]) - self._lateral_first) / _SKIN_STEP
        field = interpolate_axis(interpolate_axis(coarse, 0, scan), 1, lateral)
        return refine_last_axis(field, _SKIN_STEP, self._grid.shape[2])
