"""From solids to voxels: labels, tissues and the distance to the skin, slab by slab."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amcnet.phantom.grid import Grid
from amcnet.phantom.hand import Hand
from amcnet.phantom.interpolation import interpolate_axis
from amcnet.phantom.solids import Capsule, Field, Vector

_SKIN_STEP = 4  # the distance to the skin is smooth: every fourth voxel is enough
_WEB_MM = 2.0  # how far skin bridges the gap between neighbouring tubes of flesh
_FLESH_REACH_MM = 14.0
_FAR_MM = 30.0
_BOX_MARGIN_MM = 0.5


class Tissue(IntEnum):
    """What fills a voxel; the values index the acoustic tables."""

    WATER = 0
    SOFT = 1
    CARTILAGE = 2
    EPIPHYSIS = 3
    CORTEX = 4
    TENDON = 5


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


class _Solid(Protocol):
    def bounds_mm(self, margin_mm: float) -> tuple[Vector, Vector]: ...

    def distance_mm(self, scan: Field, lateral: Field, depth: Field) -> Field: ...


class Voxeliser:
    """Turns one hand into slabs of voxels on one grid."""

    def __init__(self, hand: Hand, grid: Grid) -> None:
        self.hand = hand
        self.grid = grid
        self._coarse_skin = _coarse_skin_distance(hand.flesh, grid)

    def slab(self, start: int, stop: int) -> Slab:
        """Return slices ``start`` to ``stop`` (exclusive)."""
        shape = (stop - start, *self.grid.shape[1:])
        skin = self._skin_distance(start, stop)
        tissue = np.where(skin < 0, np.uint8(Tissue.SOFT), np.uint8(Tissue.WATER))
        for tendon in self.hand.tendons:
            self._fill(tissue, tendon, Tissue.TENDON, start)
        for cartilage in self.hand.cartilage:
            self._fill(tissue, cartilage, Tissue.CARTILAGE, start)
        for bone in self.hand.wrist:
            self._fill(tissue, bone, Tissue.CORTEX, start)
        labels = self._labels(shape, start)
        epiphyses = np.isin(np.arange(256), _epiphysis_values(self.hand))
        tissue[labels > 0] = Tissue.CORTEX
        tissue[epiphyses[labels]] = Tissue.EPIPHYSIS
        return Slab(start, labels, tissue, skin)

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

    def _fill(self, tissue: NDArray[np.uint8], solid: _Solid, kind: Tissue, start: int) -> None:
        region = self._region(solid, start, tissue.shape[0])
        if region is not None:
            tissue[region][self._distance(solid, region, start) < 0] = kind

    def _region(self, solid: _Solid, start: int, length: int) -> tuple[slice, slice, slice] | None:
        """Return the part of a slab that a solid may fill, as slices of the slab's arrays."""
        low, high = solid.bounds_mm(_BOX_MARGIN_MM)
        spacing = np.array(self.grid.spacing_mm)
        offset = np.array([start, 0, 0])
        limit = np.array([length, *self.grid.shape[1:]])
        first = np.clip(np.floor(low / spacing).astype(int) - offset, 0, limit)
        last = np.clip(np.ceil(high / spacing).astype(int) + 1 - offset, 0, limit)
        if np.any(last <= first):
            return None
        scan, lateral, depth = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        return scan, lateral, depth

    def _distance(self, solid: _Solid, region: tuple[slice, slice, slice], start: int) -> Field:
        scan, lateral, depth = region
        return solid.distance_mm(
            self.grid.axis_mm(0, scan.start + start, scan.stop + start)[:, None, None],
            self.grid.axis_mm(1, lateral.start, lateral.stop)[None, :, None],
            self.grid.axis_mm(2, depth.start, depth.stop)[None, None, :],
        )

    def _skin_distance(self, start: int, stop: int) -> NDArray[np.float32]:
        """Interpolate the coarse distance to the slices of a slab, one axis after the other."""
        field = self._coarse_skin
        for axis, (first, last) in enumerate(
            ((start, stop), (0, self.grid.shape[1]), (0, self.grid.shape[2]))
        ):
            field = interpolate_axis(field, axis, np.arange(first, last) / _SKIN_STEP)
        return field


def _coarse_skin_distance(flesh: tuple[Capsule, ...], grid: Grid) -> Field:
    """Return the signed distance to the smooth union of flesh on every fourth voxel.

    The union is smooth (a log-sum-exp), which makes the webs between fingers.
    """
    axes = [
        (np.arange(n // _SKIN_STEP + 2) * _SKIN_STEP * spacing).astype(np.float32)
        for n, spacing in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    total = np.full([len(axis) for axis in axes], np.exp(-_FAR_MM / _WEB_MM), np.float32)
    for solid in flesh:
        low, high = solid.bounds_mm(_FLESH_REACH_MM)
        ranges = [np.searchsorted(axis, (low[i], high[i])) for i, axis in enumerate(axes)]
        s, x, d = (axis[a:b] for axis, (a, b) in zip(axes, ranges, strict=True))
        if not (len(s) and len(x) and len(d)):
            continue
        distance = solid.distance_mm(s[:, None, None], x[None, :, None], d[None, None, :])
        (a, b), (c, e), (f, g) = ranges
        total[a:b, c:e, f:g] += np.exp(np.clip(-distance / np.float32(_WEB_MM), -15, 15))
    union: Field = -np.float32(_WEB_MM) * np.log(total)
    return union


def _epiphysis_values(hand: Hand) -> list[int]:
    from amcnet.anatomy import hand_label_table

    table = hand_label_table()
    return [value for value in hand.structures if table[value].kind == "epiphysis"]
