"""Placement of the refiner's patches: as few as possible that cover all voxels near a boundary."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.sliding_windows import IntTriple
from amcnet.labelmaps.region import Box

_MARGIN = 8  # fraction 1/n of a patch discarded at each end, where context is missing
_CELLS = 3  # cells per used part of a patch along each axis; patches are aligned to cells


def patch_margin(patch: IntTriple) -> IntTriple:
    """Return the number of voxels discarded at each end of a patch, by axis.

    Example:
        >>> patch_margin((32, 32, 48))
        (4, 4, 6)
    """
    scan, lateral, depth = (side // _MARGIN for side in patch)
    return scan, lateral, depth


def inner_box(box: Box, shape: tuple[int, ...], margin: IntTriple) -> Box:
    """Return the used part of a patch: without its margin, except at the border of the volume."""
    parts = [
        slice(
            side.start if side.start == 0 else side.start + border,
            side.stop if side.stop == size else side.stop - border,
        )
        for side, size, border in zip(box, shape, margin, strict=True)
    ]
    return parts[0], parts[1], parts[2]


def cover(near: NDArray[np.bool_], patch: IntTriple) -> Iterator[Box]:
    """Yield patches whose used parts together cover the given voxels.

    The choice is greedy: among the patches that cover the first uncovered cell, the one that covers
    the most uncovered cells is taken.

    Args:
        near: bool (scan, lateral, depth), the voxels to cover.
        patch: Shape of a patch, (scan, lateral, depth).

    Yields:
        Boxes of the shape of a patch, limited to the shape of the volume.
    """
    margin = patch_margin(patch)
    used = [side - 2 * border for side, border in zip(patch, margin, strict=True)]
    cell = [max(1, side // _CELLS) for side in used]
    cells = _occupied(near, cell)
    todo = np.pad(cells, _CELLS - 1)  # lets a patch begin before the first cell
    for first in np.argwhere(todo):
        if not todo[tuple(first)]:
            continue
        scan = first[0]
        starts = [
            (scan, first[1] - across, first[2] - down)
            for across in range(_CELLS)
            for down in range(_CELLS)
        ]
        best = max(starts, key=lambda start: int(np.count_nonzero(todo[_cells_of(start)])))
        todo[_cells_of(best)] = False
        begins = [
            (int(place) - (_CELLS - 1)) * step - border
            for place, step, border in zip(best, cell, margin, strict=True)
        ]
        yield _box(begins, near.shape, patch)


def _cells_of(start: tuple[int, int, int]) -> Box:
    scan, lateral, depth = (slice(int(place), int(place) + _CELLS) for place in start)
    return scan, lateral, depth


def _occupied(near: NDArray[np.bool_], cell: list[int]) -> NDArray[np.bool_]:
    """Return which cells contain any of the voxels."""
    result = near
    for axis, step in enumerate(cell):
        result = np.logical_or.reduceat(result, np.arange(0, result.shape[axis], step), axis=axis)
    return result


def _box(begins: list[int], shape: tuple[int, ...], patch: IntTriple) -> Box:
    """Return the patch that begins at a voxel, shifted into the volume."""
    sides = []
    for begin, size, side in zip(begins, shape, patch, strict=True):
        start = max(0, min(begin, size - side))
        sides.append(slice(start, min(start + side, size)))
    return sides[0], sides[1], sides[2]
