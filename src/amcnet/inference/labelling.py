"""Turn logits on the network's grid into labels at the volume's resolution, slice by slice.

The labels are exactly the arg-max of the linearly interpolated logits, but most interpolation can
be skipped, because it is a convex combination. If all samples around a cell of the network's grid
have the same winner, that class wins in the whole cell. In the remaining cells, which a boundary
crosses, a class can only win if its largest sample reaches the smallest sample of every other
class. That leaves two or three candidates, and only those are interpolated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.confidence import ConfidenceMeter

Logits = NDArray[np.float32]
_Labels = NDArray[np.uint8]
_Indices = NDArray[np.intp]

_ROUNDING = 4e-6  # relative; several times the float32 rounding error of three interpolations
_CHUNK = 1 << 17  # values per array while cells are processed: few enough for the cache


@dataclass(frozen=True)
class _Axis:
    """Output positions along an axis, grouped by the cell that contains them.

    A cell lies between two neighbouring samples; in the half cells beyond the outermost samples,
    both neighbours are the outermost sample. Cells without output positions are omitted.

    Attributes:
        before: Index of the sample at the start of each cell.
        after: Index of the sample at the end of each cell.
        count: Number of output positions in each cell.
        positions: Output positions (cell, position); the last one is repeated to fill the row.
        weight: float32 weight of the ``after`` sample (cell, position).
    """

    before: _Indices
    after: _Indices
    count: _Indices
    positions: _Indices
    weight: Logits

    @classmethod
    def between(cls, size_in: int, size_out: int) -> "_Axis":
        """Align the edges of the field of view."""
        exact = (np.arange(size_out) + 0.5) * (size_in / size_out) - 0.5
        floor = np.floor(exact).astype(np.intp)
        inside = (floor >= 0) & (floor < size_in - 1)
        weight = np.where(inside, exact - floor, 0).astype(np.float32)
        cells, first, count = np.unique(floor, return_index=True, return_counts=True)
        offsets = np.minimum(np.arange(count.max()), count[:, None] - 1)
        positions = first[:, None] + offsets
        before = np.clip(cells, 0, size_in - 1)
        # If all positions lie on the first sample, the second one has no influence.
        after = np.where(weight[positions].any(axis=1), before + 1, before)
        return cls(before, after, count, positions, weight[positions])


@dataclass(frozen=True)
class _Slice:
    """One slice of the network's grid.

    Attributes:
        logits: (class, sample).
        labels: Winner at the start of each cell (lateral cell, depth cell); it wins in the whole
            cell unless the cell is mixed.
        mixed: Whether the winners around each cell differ (lateral cell, depth cell).
    """

    logits: Logits
    labels: _Labels
    mixed: NDArray[np.bool_]


def label_slices(
    logits: Iterator[Logits],
    length: int,
    shape: tuple[int, int, int],
    meter: ConfidenceMeter | None = None,
) -> Iterator[_Labels]:
    """Yield the labels of every slice of a volume.

    Args:
        logits: The logits (class, lateral, depth) of the network's slices, in order, of at most 256
            classes. The iterator is exhausted. An array must stay unchanged after it was yielded:
            it is still needed while the next one is read.
        length: Number of the network's slices.
        shape: Shape of the volume to label, (scan, lateral, depth).
        meter: Receives every slice of the network.

    Yields:
        uint8 (lateral, depth), ``shape[0]`` times, each a new array. The lower class wins a tie.
    """
    first = next(logits)
    plane = _Plane(first.shape[1:], shape[1:])
    slices = (plane.prepare(samples, meter) for samples in chain([first], logits))
    scan = _Axis.between(length, shape[0])
    window: dict[int, _Slice] = {}
    for before, after, count, weights in zip(
        scan.before, scan.after, scan.count, scan.weight, strict=True
    ):
        while after not in window:
            newest = max(window, default=-1) + 1
            window[newest] = next(slices)
            window.pop(newest - 2, None)
        for weight in weights[:count]:
            yield plane.label(window[before], window[after], weight)
    for _ in slices:  # the meter also receives the slices beyond the last output slice
        pass


def winners(plane: Logits) -> _Labels:
    """Return the arg-max uint8 (lateral, depth) of logits (class, lateral, depth)."""
    samples = plane.reshape(len(plane), -1)
    winner = np.zeros(samples.shape[1], np.uint8)
    # The maximum is much faster than the arg-max, which is only needed where structures win.
    structures = np.flatnonzero(samples[0] != samples.max(axis=0))
    winner[structures] = samples[:, structures].argmax(axis=0)
    return winner.reshape(plane.shape[1:])


class _Plane:
    """The grids of the network's and the output's slices."""

    def __init__(self, size_in: tuple[int, ...], size_out: tuple[int, int]) -> None:
        self._row_length = size_in[1]
        self._shape = size_out
        self._lateral = _Axis.between(size_in[0], size_out[0])
        self._depth = _Axis.between(size_in[1], size_out[1])

    def prepare(self, plane: Logits, meter: ConfidenceMeter | None) -> _Slice:
        """Find the cells of a slice (class, lateral, depth) that need no interpolation."""
        winner = winners(plane)
        if meter is not None:
            meter.add(plane, winner)
        lateral, depth = self._lateral, self._depth
        before, after = winner[lateral.before], winner[lateral.after]
        labels = before[:, depth.before]
        mixed = labels != before[:, depth.after]
        mixed |= labels != after[:, depth.before]
        mixed |= labels != after[:, depth.after]
        return _Slice(plane.reshape(len(plane), -1), labels, mixed)

    def label(self, below: _Slice, above: _Slice, weight: np.float32) -> _Labels:
        """Return the labels (lateral, depth) between two slices of the network."""
        if weight == 0:
            above = below
        mixed = below.mixed | above.mixed | (below.labels != above.labels)
        labels = self._paint(below.labels)
        rows, columns = np.nonzero(mixed)
        cell_size = self._lateral.weight.shape[1] * self._depth.weight.shape[1]
        step = max(1, _CHUNK // max(cell_size, 4 * len(below.logits)))
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            self._label_cells(labels, below, above, weight, (rows[chunk], columns[chunk]))
        return labels

    def _paint(self, cells: _Labels) -> _Labels:
        """Fill whole cells (lateral cell, depth cell) with their label."""
        labels = np.zeros(self._shape, np.uint8)
        found = np.flatnonzero(cells.any(axis=1))
        if len(found):
            rows = slice(found[0], found[-1] + 1)
            count = self._lateral.count
            start = count[: rows.start].sum()
            stop = start + count[rows].sum()
            strips = np.repeat(cells[rows], self._depth.count, axis=1)
            labels[start:stop] = np.repeat(strips, count[rows], axis=0)
        return labels

    def _label_cells(
        self,
        labels: _Labels,
        below: _Slice,
        above: _Slice,
        weight: np.float32,
        cells: tuple[_Indices, _Indices],
    ) -> None:
        """Interpolate in some cells, given by their lateral and depth cell."""
        corners = self._corners(below.logits, cells)
        if weight != 0:
            corners = corners * (1 - weight) + self._corners(above.logits, cells) * weight
        candidates = _candidates(corners)
        # Most candidates first: the cells with an n-th candidate then come first.
        order = np.argsort(-candidates.sum(axis=0), kind="stable")
        rows, columns = cells[0][order], cells[1][order]
        across = self._lateral.weight[rows].T[:, None]
        along = self._depth.weight[columns].T
        winner = _best(corners[..., order], candidates[:, order], across, along)
        row, column = self._lateral.positions[rows].T, self._depth.positions[columns].T
        labels.reshape(-1)[row[:, None] * self._shape[1] + column] = winner

    def _corners(self, logits: Logits, cells: tuple[_Indices, _Indices]) -> Logits:
        """Return the samples (class, lateral side, depth side, cell) around cells."""
        rows = np.stack([side[cells[0]] for side in (self._lateral.before, self._lateral.after)])
        columns = np.stack([side[cells[1]] for side in (self._depth.before, self._depth.after)])
        return logits.take(rows[:, None] * self._row_length + columns, axis=1)


def _candidates(corners: Logits) -> NDArray[np.bool_]:
    """Return which classes can win somewhere in each cell.

    Args:
        corners: (class, lateral side, depth side, cell).

    Returns:
        (class, cell); at least one class in every cell.
    """
    most: Logits = corners.max(axis=(1, 2))
    least: Logits = corners.min(axis=(1, 2)).max(axis=0)
    # The tolerance covers logits that are equal up to rounding. With the comparison written this
    # way round, a NaN logit keeps all classes of a cell as candidates instead of none.
    return ~(most < least - _ROUNDING * np.abs(least))


def _best(
    corners: Logits, candidates: NDArray[np.bool_], across: Logits, along: Logits
) -> NDArray[np.uint8]:
    """Return the best candidate at every position of some cells; the lower class wins a tie.

    Args:
        corners: (class, lateral side, depth side, cell).
        candidates: (class, cell), at least one per cell; cells with the most candidates come first.
        across: Weights of the second lateral side (lateral position, 1, cell).
        along: Weights of the second depth side (depth position, cell).

    Returns:
        (lateral position, depth position, cell).
    """
    count = candidates.sum(axis=0)
    classes = np.nonzero(candidates.T)[1]  # cell after cell, ascending in each
    first = np.cumsum(count) - count
    shape = (len(across), *along.shape)
    winner = np.broadcast_to(classes[first].astype(np.uint8), shape).copy()
    best = np.full(shape, -np.inf, np.float32)
    for rank in range(count[0]):
        # A cell with a single candidate is decided.
        number = np.count_nonzero(count > max(rank, 1))
        candidate = classes[first[:number] + rank]
        samples = corners[candidate, :, :, np.arange(number)].transpose(1, 2, 0)[:, :, None]
        after = along[:, :number]
        sides = samples[:, 0] * (1 - after) + samples[:, 1] * after
        after = across[..., :number]
        value = sides[0] * (1 - after) + sides[1] * after
        highest, chosen = best[..., :number], winner[..., :number]
        np.copyto(chosen, candidate.astype(np.uint8), where=value > highest)
        np.maximum(highest, value, out=highest)
    return winner
