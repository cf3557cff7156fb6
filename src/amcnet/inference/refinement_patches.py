"""Where the patches of a refiner lie: few of them, over all voxels near a boundary."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]
Triple = tuple[int, int, int]

_MARGIN = 8  # one voxel of so many at each end of a patch is not used: it lacks surroundings
_CELLS = 3  # of the used part of a patch, along each axis; patches lie on a grid of such cells


def patch_margin(patch: Triple) -> Triple:
    """Return the voxels at each end of a patch that are not used, by axis.

    Example:
        >>> patch_margin((32, 32, 48))
        (4, 4, 6)
    """
    scan, lateral, depth = (side // _MARGIN for side in patch)
    return scan, lateral, depth


def inner_box(box: Box, shape: tuple[int, ...], margin: Triple) -> Box:
    """Return the part of a patch that is used: all but the margin, or up to the volume's border."""
    parts = [
        slice(
            side.start if side.start == 0 else side.start + border,
            side.stop if side.stop == size else side.stop - border,
        )
        for side, size, border in zip(box, shape, margin, strict=True)
    ]
    return parts[0], parts[1], parts[2]


def cover(near: NDArray[np.bool_], patch: Triple) -> Iterator[Box]:
    """Yield patches whose used parts together cover the given voxels.

    A greedy choice: the first cell that is not covered yet gets the patch that covers the most
    cells beside it.

    Args:
        near: The voxels (scan, lateral, depth).
        patch: Voxels of a patch.

    Yields:
        Boxes of the size of a patch, or of the volume where that is smaller.
    """
    margin = patch_margin(patch)
    used = [side - 2 * border for side, border in zip(patch, margin, strict=True)]
    cell = [max(1, side // _CELLS) for side in used]
    cells = _occupied(near, cell)
    todo = np.pad(cells, _CELLS - 1)  # so that a patch may begin before the first cell
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
    """Return which cells hold any of the voxels."""
    result = near
    for axis, step in enumerate(cell):
        result = np.logical_or.reduceat(result, np.arange(0, result.shape[axis], step), axis=axis)
    return result


def _box(begins: list[int], shape: tuple[int, ...], patch: Triple) -> Box:
    """Return a patch that begins at a place, moved into the volume."""
    sides = []
    for begin, size, side in zip(begins, shape, patch, strict=True):
        start = max(0, min(begin, size - side))
        sides.append(slice(start, min(start + side, size)))
    return sides[0], sides[1], sides[2]
