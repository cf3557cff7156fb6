"""Run-length encoding of a label map along depth, with at most as many runs as surface voxels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.short_repr import short_repr


@dataclass(frozen=True)
class RunLengthEncoding:
    """Labelled runs of a volume, in memory order; a run ends where its row ends.

    Attributes:
        shape: Shape of the volume, (scan, lateral, depth).
        start: int64 (run,), flat index of the first voxel.
        stop: int64 (run,), flat index after the last voxel.
        value: uint8 (run,), the label, never background.

    Example:
        >>> encoder = RunLengthEncoder()
        >>> encoder.add(np.array([[0, 7, 7]], np.uint8))
        >>> runs = encoder.runs()
        >>> runs.shape, runs.value.tolist()
        ((1, 1, 3), [7])
    """

    shape: tuple[int, int, int]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    value: NDArray[np.uint8]
    __repr__ = short_repr

    def ends_mm(
        self, chosen: NDArray[np.intp], spacing_mm: tuple[float, float, float]
    ) -> NDArray[np.float64]:
        """Return the positions of the first and last voxels of some runs.

        Args:
            chosen: Indices of the runs.
            spacing_mm: Voxel size in (scan, lateral, depth).

        Returns:
            float64 (2 * run, 3), mm: all first voxels, then all last voxels.
        """
        voxels = np.concatenate([self.start[chosen], self.stop[chosen] - 1])
        indices = np.stack(np.unravel_index(voxels, self.shape), axis=-1)
        ends_mm: NDArray[np.float64] = indices * np.array(spacing_mm)
        return ends_mm

    def fill(self, labels: NDArray[np.uint8], chosen: NDArray[np.intp], value: int) -> None:
        """Set the label of the voxels of some runs, in place.

        Args:
            labels: (scan, lateral, depth).
            chosen: Indices of the runs.
            value: The new label.
        """
        first, length = self.start[chosen], self.stop[chosen] - self.start[chosen]
        labels[np.unravel_index(expand_ranges(first, length), self.shape)] = value


class RunLengthEncoder:
    """Encodes a label map slice by slice.

    Example:
        >>> encoder = RunLengthEncoder()
        >>> encoder.add(np.array([[0, 7, 7], [7, 0, 2]], np.uint8))
        >>> runs = encoder.runs()
        >>> runs.start.tolist(), runs.stop.tolist(), runs.value.tolist()
        ([1, 3, 5], [3, 4, 6], [7, 7, 2])
    """

    def __init__(self) -> None:
        self._planes = 0
        self._plane_shape = (0, 0)
        self._starts: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.uint8]] = []

    def add(self, plane: NDArray[np.uint8]) -> None:
        """Add the next slice, (lateral, depth); all slices must have the same shape."""
        offset = self._planes * plane.size
        self._planes += 1
        self._plane_shape = (plane.shape[0], plane.shape[1])
        flat = plane.ravel()
        voxels, begins = labelled_voxels(flat, plane.shape[1])
        if not len(voxels):
            return
        first = np.flatnonzero(begins)
        self._starts.append(voxels[first] + offset)
        self._lengths.append(np.diff(first, append=len(voxels)).astype(np.int32))
        self._values.append(flat[voxels[first]])

    def runs(self) -> RunLengthEncoding:
        """Return the runs of all slices added so far."""
        start = np.concatenate([np.empty(0, np.int64), *self._starts])
        length = np.concatenate([np.empty(0, np.int32), *self._lengths])
        value = np.concatenate([np.empty(0, np.uint8), *self._values])
        return RunLengthEncoding((self._planes, *self._plane_shape), start, start + length, value)


def labelled_voxels(
    flat: NDArray[np.integer[Any]], row_length: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the labelled voxels of a flat array, and where runs of equal label begin.

    Args:
        flat: Labels in memory order, whole rows.
        row_length: Voxels per row; a run ends where its row ends.

    Returns:
        Indices of the labelled voxels, int64 (n,), and whether each begins a run, bool (n,).

    Example:
        >>> voxels, begins = labelled_voxels(np.array([0, 7, 7, 7, 2, 0]), row_length=3)
        >>> voxels.tolist(), begins.tolist()
        ([1, 2, 3, 4], [True, False, True, True])
    """
    voxels = np.flatnonzero(flat != 0).astype(np.int64, copy=False)
    values = flat[voxels]
    begins = np.ones(len(voxels), dtype=bool)
    begins[1:] = (
        (values[1:] != values[:-1])
        | (np.diff(voxels) != 1)
        # A structure that ends one row and begins the next makes two runs.
        | (voxels[1:] % max(1, row_length) == 0)
    )
    return voxels, begins


def expand_ranges(first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate the ranges of ``length`` integers that begin at ``first``."""
    before = np.cumsum(length) - length
    numbers: NDArray[np.int64] = np.arange(int(length.sum())) + np.repeat(first - before, length)
    return numbers
