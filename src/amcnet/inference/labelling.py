"""From logits on the network's grid to labels at the volume's own resolution, slice by slice.

The labels are the arg-max of the linearly interpolated logits, exactly. Interpolation is a convex
combination, so where the arg-max of all four surrounding samples is the same class, that class
wins in between too; only the other cells (those that a boundary crosses) are interpolated.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class _Axis:
    """For every output position: the sample before it and the weight of the one after it."""

    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    weight: NDArray[np.float32]

    @classmethod
    def between(cls, size_in: int, size_out: int) -> "_Axis":
        """Align the edges of the field of view; beyond the outer samples the border counts."""
        positions = (np.arange(size_out) + 0.5) * (size_in / size_out) - 0.5
        positions = np.clip(positions, 0, size_in - 1)
        lower = np.minimum(positions.astype(np.intp), max(0, size_in - 2))
        upper = np.minimum(lower + 1, size_in - 1)
        return cls(lower, upper, (positions - lower).astype(np.float32))


def label_slices(
    logits: Iterator[Logits], length: int, shape: tuple[int, int, int]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the labels of every slice of a volume.

    Args:
        logits: The logits (class, lateral, depth) of the network's slices, in order.
        length: Number of the network's slices.
        shape: Shape of the volume to label, (scan, lateral, depth).

    Yields:
        uint8 (lateral, depth), ``shape[0]`` times.
    """
    scan = _Axis.between(length, shape[0])
    window: dict[int, Logits] = {}
    for lower, upper, weight in zip(scan.lower, scan.upper, scan.weight, strict=True):
        while upper not in window:
            newest = max(window, default=-1) + 1
            # Classes innermost: a voxel's logits are then one run of memory.
            window[newest] = np.ascontiguousarray(np.moveaxis(next(logits), 0, -1))
            window.pop(newest - 2, None)
        below, above = window[int(lower)], window[int(upper)]
        plane = below if weight == 0 else below + weight * (above - below)
        yield label_plane(plane, shape[1:])
    # Let the source run to its end: it may count what it has seen.
    for _ in logits:
        pass


def label_plane(plane: Logits, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the arg-max of a plane of logits interpolated to another size.

    Args:
        plane: Logits (lateral, depth, class).
        shape: Size of the result, (lateral, depth).
    """
    lateral = _Axis.between(plane.shape[0], shape[0])
    depth = _Axis.between(plane.shape[1], shape[1])
    winner = plane.argmax(axis=-1).astype(np.uint8)
    corners = [
        winner[rows][:, columns]
        for rows in (lateral.lower, lateral.upper)
        for columns in (depth.lower, depth.upper)
    ]
    labels: NDArray[np.uint8] = corners[0]
    mixed = np.zeros(shape, bool)
    for corner in corners[1:]:
        mixed |= corner != labels
    rows, columns = np.nonzero(mixed)
    if len(rows):
        labels[rows, columns] = _interpolate(plane, lateral, depth, rows, columns).argmax(axis=-1)
    return labels


def _interpolate(
    plane: Logits,
    lateral: _Axis,
    depth: _Axis,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> Logits:
    """Return the interpolated logits (voxel, class) of some voxels."""
    across = lateral.weight[rows][:, None]
    along = depth.weight[columns][:, None]
    top, bottom = lateral.lower[rows], lateral.upper[rows]
    left, right = depth.lower[columns], depth.upper[columns]
    upper_row = plane[top, left] * (1 - along) + plane[top, right] * along
    lower_row = plane[bottom, left] * (1 - along) + plane[bottom, right] * along
    between: Logits = (upper_row * (1 - across) + lower_row * across).astype(np.float32, copy=False)
    return between
