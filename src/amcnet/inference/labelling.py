"""From logits on the network's grid to labels at the volume's own resolution, slice by slice.

The labels are the arg-max of the linearly interpolated logits, exactly. Interpolation is a convex
combination, which spares nearly all of it. Where all samples around a cell of the network's grid
have the same winner, that class wins in all of the cell. In the other cells (those that a boundary
crosses) a class can only win where its largest sample reaches what another class has at least, so
that two or three classes are left of many; only those are interpolated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.confidence import ConfidenceMeter

Logits = NDArray[np.float32]
Labels = NDArray[np.uint8]
Indices = NDArray[np.intp]

_ROUNDING = 4e-6  # relative; several times what float32 can be off by after three interpolations
_CHUNK = 1 << 17  # values of one array while cells are worked on: few enough for the cache


@dataclass(frozen=True)
class _Axis:
    """The output positions along an axis, grouped by the cell that they lie in.

    A cell lies between two neighbouring samples; the half cells beyond the outermost samples have
    the border on both sides. Cells without output positions are left out.

    Attributes:
        before: Sample at the start of each cell.
        after: Sample at its end.
        count: Number of its output positions.
        positions: Its output positions (cell, position), the last one repeated to fill the row.
        weight: float32 weight of the sample after (cell, position).
    """

    before: Indices
    after: Indices
    count: Indices
    positions: Indices
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
        # Where all positions lie on the sample before, the one after has no say.
        after = np.where(weight[positions].any(axis=1), before + 1, before)
        return cls(before, after, count, positions, weight[positions])


@dataclass(frozen=True)
class _Slice:
    """One slice of the network's grid.

    Attributes:
        logits: (class, sample).
        labels: The winner before each cell, which holds in all of it unless it is mixed
            (lateral cell, depth cell).
        mixed: Whether the winners around a cell differ (lateral cell, depth cell).
    """

    logits: Logits
    labels: Labels
    mixed: NDArray[np.bool_]


def label_slices(
    logits: Iterator[Logits],
    length: int,
    shape: tuple[int, int, int],
    meter: ConfidenceMeter | None = None,
) -> Iterator[Labels]:
    """Yield the labels of every slice of a volume.

    Args:
        logits: The logits (class, lateral, depth) of the network's slices, in order, of at most
            256 classes. It is run to its end. An array must not change after it was handed over:
            it is still needed while the next one is read.
        length: Number of the network's slices.
        shape: Shape of the volume to label, (scan, lateral, depth).
        meter: Counts every slice of the network.

    Yields:
        uint8 (lateral, depth), ``shape[0]`` times, each an array of its own. The lower class wins
        a tie.
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
    for _ in slices:  # the meter counts those beyond the last output slice, too
        pass


def winners(plane: Logits) -> Labels:
    """Return the arg-max uint8 (lateral, depth) of logits (class, lateral, depth)."""
    samples = plane.reshape(len(plane), -1)
    winner = np.zeros(samples.shape[1], np.uint8)
    # The maximum is much faster than the arg-max, which only structures need.
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
        """Find where a slice of the network (class, lateral, depth) needs no interpolation."""
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

    def label(self, below: _Slice, above: _Slice, weight: np.float32) -> Labels:
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

    def _paint(self, cells: Labels) -> Labels:
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
        labels: Labels,
        below: _Slice,
        above: _Slice,
        weight: np.float32,
        cells: tuple[Indices, Indices],
    ) -> None:
        """Interpolate in some cells, given by their lateral and depth cell."""
        corners = self._corners(below.logits, cells)
        if weight != 0:
            corners = corners * (1 - weight) + self._corners(above.logits, cells) * weight
        candidates = _candidates(corners)
        # Most candidates first: the n-th candidates are then those of the first so many cells.
        order = np.argsort(-candidates.sum(axis=0), kind="stable")
        rows, columns = cells[0][order], cells[1][order]
        across = self._lateral.weight[rows].T[:, None]
        along = self._depth.weight[columns].T
        winner = _best(corners[..., order], candidates[:, order], across, along)
        row, column = self._lateral.positions[rows].T, self._depth.positions[columns].T
        labels.reshape(-1)[row[:, None] * self._shape[1] + column] = winner

    def _corners(self, logits: Logits, cells: tuple[Indices, Indices]) -> Logits:
        """Return the samples (class, lateral side, depth side, cell) around cells."""
        rows = np.stack([side[cells[0]] for side in (self._lateral.before, self._lateral.after)])
        columns = np.stack([side[cells[1]] for side in (self._depth.before, self._depth.after)])
        return logits.take(rows[:, None] * self._row_length + columns, axis=1)


def _candidates(corners: Logits) -> NDArray[np.bool_]:
    """Tell which classes can win somewhere in a cell.

    Args:
        corners: (class, lateral side, depth side, cell).

    Returns:
        (class, cell); at least one class in every cell.
    """
    most: Logits = corners.max(axis=(1, 2))
    least: Logits = corners.min(axis=(1, 2)).max(axis=0)
    # Rounding may lift one interpolated logit over another that is as good as equal. Asked this
    # way round, a logit that is not a number leaves a cell all its classes instead of none.
    return ~(most < least - _ROUNDING * np.abs(least))


def _best(
    corners: Logits, candidates: NDArray[np.bool_], across: Logits, along: Logits
) -> NDArray[np.uint8]:
    """Return the best candidate at every position of some cells, the lower class where tied.

    Args:
        corners: (class, lateral side, depth side, cell).
        candidates: (class, cell), at least one in every cell, the cells with most of them first.
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
