"""A label map as runs of equal label along depth: as many as the surface has voxels, not more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RunLengthEncoding:
    """The labelled runs of a volume, in memory order; a run ends where its row ends.

    Attributes:
        shape: Shape of the volume, (scan, lateral, depth).
        start: int64 (run,), flat index of the first voxel.
        stop: int64 (run,), flat index after the last voxel.
        value: uint8 (run,), the label, never background.
    """

    shape: tuple[int, int, int]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    value: NDArray[np.uint8]

    def ends_mm(
        self, chosen: NDArray[np.intp], spacing_mm: tuple[float, float, float]
    ) -> NDArray[np.float64]:
        """Return where some runs begin and end.

        Args:
            chosen: Indices of the runs.
            spacing_mm: Voxel size in (scan, lateral, depth).

        Returns:
            (2 * run, axis), first all first voxels, then all last ones; in mm from voxel 0.
        """
        voxels = np.concatenate([self.start[chosen], self.stop[chosen] - 1])
        indices = np.stack(np.unravel_index(voxels, self.shape), axis=-1)
        ends_mm: NDArray[np.float64] = indices * np.array(spacing_mm)
        return ends_mm

    def fill(self, labels: NDArray[np.uint8], chosen: NDArray[np.intp], value: int) -> None:
        """Give the voxels of some runs another label, in place.

        Args:
            labels: (scan, lateral, depth).
            chosen: Indices of the runs.
            value: The new label.
        """
        first, length = self.start[chosen], self.stop[chosen] - self.start[chosen]
        labels[np.unravel_index(expand_ranges(first, length), self.shape)] = value


class RunLengthEncoder:
    """Takes a volume's labels slice by slice and keeps their runs."""

    def __init__(self) -> None:
        self._planes = 0
        self._plane_shape = (0, 0)
        self._starts: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.uint8]] = []

    def add(self, plane: NDArray[np.uint8]) -> None:
        """Take the next slice, (lateral, depth); all slices have the same shape."""
        offset = self._planes * plane.size
        self._planes += 1
        self._plane_shape = (plane.shape[0], plane.shape[1])
        if not plane.any():
            return
        flat = plane.ravel()
        begins = np.ones(flat.size, bool)
        np.not_equal(flat[1:], flat[:-1], out=begins[1:])
        # A structure that ends a row and begins the next one makes two runs.
        begins[:: plane.shape[1]] |= flat[:: plane.shape[1]] > 0
        start = np.flatnonzero(begins)
        value = flat[start]
        length = np.diff(start, append=flat.size)
        labelled = value > 0
        start = start[labelled]
        self._starts.append(start + offset)
        self._lengths.append(length[labelled].astype(np.int32))
        self._values.append(value[labelled])

    def runs(self) -> RunLengthEncoding:
        """Return the runs of the slices so far."""
        start = np.concatenate([np.empty(0, np.int64), *self._starts])
        length = np.concatenate([np.empty(0, np.int32), *self._lengths])
        value = np.concatenate([np.empty(0, np.uint8), *self._values])
        return RunLengthEncoding((self._planes, *self._plane_shape), start, start + length, value)


def expand_ranges(first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``first``, ``first + 1``, ... for ``length`` numbers, one range after the other."""
    before = np.cumsum(length) - length
    numbers: NDArray[np.int64] = np.arange(int(length.sum())) + np.repeat(first - before, length)
    return numbers
