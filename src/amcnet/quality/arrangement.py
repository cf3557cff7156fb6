"""Arrangement of structures: chains in order without gaps, and chains side by side."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.quality.joint_gaps import Gaps, Stretch, stretches_of

# Gap allowed between neighbours: up to 5 mm in phantoms of small children, whose bone ends are
# cartilage; mostly 1 mm.
_GAP_MM = 5.0
_GAP_SHARE = 0.04  # additional gap, as a fraction of the length of the longer neighbour
# Chains turn by less than a right angle from one centroid to the next, even at bent joints.
_LEAST_COSINE = 0.0

Placing = Mapping[int, int]
"""Label value -> label value of the component in its place; by default its own."""


@dataclass(frozen=True)
class Fault:
    """A contradiction to the arrangement that the table defines.

    Attributes:
        kind: ``gap``, ``step`` or ``row``.
        structures: Label values involved.
        amount: Width of a gap relative to the allowed width; 1 for other kinds.
    """

    kind: str
    structures: tuple[int, ...]
    amount: float = 1.0


def chains_of(table: LabelTable) -> tuple[tuple[int, ...], ...]:
    """Return the chains that neighbours form, each from one end to the other.

    Structures that branch, form a ring or have no neighbours are in no chain.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> chains_of(hand_label_table())[0]
        (1, 2, 3, 4, 5, 6)
    """
    neighbours = {s.value: set(s.neighbours) for s in table}
    for value, others in list(neighbours.items()):
        for other in others:
            neighbours[other].add(value)
    chains, seen = [], set[int]()
    for start in neighbours:
        if start in seen or len(neighbours[start]) != 1:
            continue
        chain = [start]
        while more := neighbours[chain[-1]] - set(chain):
            chain.append(min(more))
        seen |= set(chain)
        if all(len(neighbours[value]) <= 2 for value in chain):
            chains.append(tuple(chain))
    return tuple(chains)


class Arrangement:
    """The structures of a segmentation, with the arrangement that their table defines.

    Args:
        gaps: The structures that are present, and the gaps between them.
        chains: Label values along each chain.
        rows: Label values that lie side by side, in order.
        missing_mm: Label value of an absent structure -> length of the gap that it may leave.
    """

    def __init__(
        self,
        gaps: Gaps,
        chains: Sequence[Sequence[int]],
        rows: Sequence[Sequence[int]],
        missing_mm: Mapping[int, float],
    ) -> None:
        self._gaps, self._found = gaps, gaps.found
        found = gaps.found
        self._chains = [stretches_of(chain, found) for chain in chains]
        self._rows = [[v for v in row if v in found] for row in rows]
        self._missing_mm = missing_mm
        self._centres_mm = {value: one.centroid_mm for value, one in found.items()}
        present = [[v for v in chain if v in found] for chain in chains]
        self._along = self._common_direction([chain for chain in present if len(chain) > 1])

    def faults(self, placing: Placing) -> list[Fault]:
        """Return the faults if components take the places that ``placing`` assigns."""
        blob = {value: value for value in self._found} | dict(placing)
        faults: list[Fault] = []
        for chain in self._chains:
            along = self._gap_faults(chain, blob)
            along += self._step_faults(chain, blob)
            faults += sorted(along, key=lambda fault: fault.structures)
        for row in self._rows:
            faults += self._row_faults(row, blob)
        return faults

    def total_gap_mm(self, placing: Placing) -> float:
        """Return the sum of all gaps along the chains."""
        blob = {v: v for v in self._found} | dict(placing)
        ends = (stretch.ends for chain in self._chains for stretch in chain)
        return sum(self._gaps.mm(blob[one], blob[other]) for one, other in ends)

    def _common_direction(self, chains: list[list[int]]) -> NDArray[np.float64]:
        """Return the mean direction of chains from end to end, zero if there is no chain."""
        ways = [self._centres_mm[c[-1]] - self._centres_mm[c[0]] for c in chains]
        total: NDArray[np.float64] = sum((_unit(way) for way in ways), np.zeros(3))
        return _unit(total)

    def _gap_faults(self, chain: list[Stretch], blob: Placing) -> list[Fault]:
        faults = []
        for one, other, skipped in ((*stretch.ends, stretch.absent) for stretch in chain):
            if any(value not in self._missing_mm for value in skipped):
                continue
            if any(self._found[blob[value]].at_border for value in (one, other)):
                continue  # the structure between them may lie outside
            lengths_mm = [self._found[blob[value]].length_mm for value in (one, other)]
            allowed_mm = _GAP_MM + _GAP_SHARE * max(lengths_mm)
            allowed_mm += sum(self._missing_mm[value] for value in skipped)
            gap_mm = self._gaps.mm(blob[one], blob[other])
            if gap_mm > allowed_mm:
                faults.append(Fault("gap", (one, other), gap_mm / allowed_mm))
        return faults

    def _step_faults(self, chain: list[Stretch], blob: Placing) -> list[Fault]:
        faults = []
        for before, after in itertools.pairwise(chain):
            structures = (*before.ends, after.ends[1])
            first, middle, last = (self._centres_mm[blob[value]] for value in structures)
            if float(_unit(middle - first) @ _unit(last - middle)) < _LEAST_COSINE:
                faults.append(Fault("step", structures))
        return faults

    def _row_faults(self, row: list[int], blob: Placing) -> list[Fault]:
        if len(row) < 3:
            return []
        centres = np.array([self._centres_mm[blob[value]] for value in row])
        # Only positions across the chains count, not how far one chain extends beyond another.
        centres -= np.outer(centres @ self._along, self._along)
        if _is_in_order(centres):
            return []
        # Structures without which the others are in order; all structures if no single one is to
        # blame.
        odd = [v for v, c in zip(row, _without_each(centres), strict=True) if _is_in_order(c)]
        return [Fault("row", tuple(odd or row))]


def _is_in_order(centres_mm: NDArray[np.float64]) -> bool:
    """Return whether points follow each other along their main axis, in either direction."""
    steps = np.diff(centres_mm @ _main_axis(centres_mm))
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _without_each(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [np.delete(points, index, axis=0) for index in range(len(points))]


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _main_axis(points: NDArray[np.float64]) -> NDArray[np.float64]:
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    axis: NDArray[np.float64] = axes[0]
    return axis
