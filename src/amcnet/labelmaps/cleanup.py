"""Clean-up of a label map: one piece a structure, the one that fits its chain; no islands."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.labelmaps.connected_components import ConnectedComponents, find_components
from amcnet.labelmaps.run_length import RunLengthEncoding

# A piece smaller than this share of the structure's largest one is no candidate for being it.
CANDIDATE_SHARE = 0.25
# Share of an island's surface that a structure must cover to take it in. A piece of a long bone
# meets the rest of the bone end to end, with a small part of its surface; a speck that a corner
# joins to a bone stays out. Both shares are those that scored best on phantoms.
COVERED_SHARE = 0.05
# Bounds the time that noise takes, where islands touch islands without end.
MAX_ROUNDS = 16
# File formats round spacings; what is equal in one must not be larger or smaller in another.
_SLACK = 1e-6


def clean_up(
    labels: NDArray[np.uint8],
    runs: RunLengthEncoding,
    table: LabelTable,
    spacing_mm: tuple[float, float, float],
) -> None:
    """Leave one connected piece (6 neighbours) of every label, in place.

    A structure keeps its largest piece, or, where others come near it in size, the one nearest to
    its neighbours in the chain. Every other piece goes to the structure that makes up the larger
    part of what it touches, or to the background where it touches too little. Background stays
    background, no label is lost, and a map of single pieces stays as it is.

    Args:
        labels: (scan, lateral, depth).
        runs: The runs of these labels.
        table: Says which structures are neighbours; one without neighbours will do.
        spacing_mm: Voxel size in (scan, lateral, depth).

    Raises:
        InputError: If the runs are those of a volume of another shape, or there is a label that the
            table does not have.
    """
    if labels.shape != runs.shape:
        raise InputError(f"labels have the shape {labels.shape}, expected {runs.shape} of the runs")
    highest = int(runs.value.max(initial=0))
    if highest > len(table):
        raise InputError(f"labels hold the value {highest}, expected 0 to {len(table)}")
    pieces = find_components(runs, spacing_mm)
    kept = _kept_pieces(runs, pieces, table, spacing_mm)
    values = _settle_islands(pieces, np.array(sorted(kept.values()), np.intp))
    target = values[pieces.of_run]
    for value in np.unique(target[target != runs.value]):
        runs.fill(labels, np.flatnonzero((target == value) & (runs.value != value)), int(value))


def _kept_pieces(
    runs: RunLengthEncoding,
    pieces: ConnectedComponents,
    table: LabelTable,
    spacing_mm: tuple[float, float, float],
) -> dict[int, int]:
    """Choose the piece that each structure keeps; return label -> piece."""
    candidates = {int(value): _candidates(pieces, value) for value in np.unique(pieces.value)}
    kept = {value: int(found[0]) for value, found in candidates.items() if len(found) == 1}
    while len(kept) < len(candidates):
        unclear = [value for value in candidates if value not in kept]
        decided = {}
        for value in unclear:
            votes = [kept[other] for other in table[value].neighbours if other in kept]
            if votes:
                decided[value] = _nearest(runs, pieces, candidates[value], votes, spacing_mm)
        if not decided:
            # No neighbour is known: the clearest of them is its largest piece, and may then vote.
            clearest = max(unclear, key=lambda value: _clearness(pieces, candidates[value]))
            decided[clearest] = int(candidates[clearest][0])
        kept |= decided
    return kept


def _candidates(pieces: ConnectedComponents, value: int) -> NDArray[np.intp]:
    """Return the pieces that may be a structure, the largest first."""
    found = np.flatnonzero(pieces.value == value)
    found = found[np.argsort(-pieces.voxels[found], kind="stable")]
    voxels = pieces.voxels[found]
    candidates: NDArray[np.intp] = found[voxels >= CANDIDATE_SHARE * voxels[0]]
    return candidates


def _clearness(pieces: ConnectedComponents, candidates: NDArray[np.intp]) -> float:
    """Return how many times the second candidate fits into the first."""
    first, second = pieces.voxels[candidates[:2]]
    return float(first / second)


def _nearest(
    runs: RunLengthEncoding,
    pieces: ConnectedComponents,
    candidates: NDArray[np.intp],
    votes: list[int],
    spacing_mm: tuple[float, float, float],
) -> int:
    """Return the candidate with the least mean gap to what its neighbours keep.

    Gaps are measured between the ends of runs: these lie on the surface. Of equals the larger one.
    """
    rank = np.full(len(pieces.value), -1)
    rank[candidates] = np.arange(len(candidates))
    owner = rank[pieces.of_run]
    chosen = np.flatnonzero(owner >= 0)
    ends_mm, owner = runs.ends_mm(chosen, spacing_mm), np.tile(owner[chosen], 2)
    gaps_mm = np.full((len(votes), len(candidates)), np.inf)
    for gap_mm, vote in zip(gaps_mm, votes, strict=True):
        tree = KDTree(runs.ends_mm(np.flatnonzero(pieces.of_run == vote), spacing_mm))
        np.minimum.at(gap_mm, owner, tree.query(ends_mm)[0])
    mean_mm = gaps_mm.mean(axis=0)
    return int(candidates[np.argmax(mean_mm <= mean_mm.min() * (1 + _SLACK))])


def _settle_islands(pieces: ConnectedComponents, kept: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the label of every piece after the clean-up.

    Islands that touch islands are settled in rounds: one that was taken in is part of its
    structure in the next round. Where this comes to a stop, as with a slab that parts a bone from
    its loose rest, islands are judged for a round by what they share with structures alone.
    """
    values = np.zeros(len(pieces.value), np.uint8)
    values[kept] = pieces.value[kept]
    for _ in range(MAX_ROUNDS):
        taken, new_values = _taken_in(pieces, values, count_islands=True)
        if not len(taken):
            taken, new_values = _taken_in(pieces, values, count_islands=False)
        if not len(taken):
            break
        values[taken] = new_values
    return values


def _taken_in(
    pieces: ConnectedComponents, values: NDArray[np.uint8], count_islands: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the islands that a structure takes in in this round, and the label of each.

    Args:
        pieces: All pieces.
        values: The label of every settled piece, 0 for those that are islands still.
        count_islands: Whether a structure must also outweigh the islands that an island touches.
    """
    contacts = pieces.contacts
    island, partner = contacts.first, values[contacts.second]
    loose = values[island] == 0
    settled = loose & (partner > 0)
    counted = loose if count_islands else settled
    labelled_mm2 = np.bincount(island[counted], contacts.area_mm2[counted], len(values))
    pairs, pair = np.unique(island[settled] * 256 + partner[settled], return_inverse=True)
    cover_mm2 = np.bincount(pair, contacts.area_mm2[settled], len(pairs))
    island, value = pairs // 256, (pairs % 256).astype(np.uint8)
    # More than half of what is labelled: that is one structure at most.
    enough = cover_mm2 > (0.5 + _SLACK) * labelled_mm2[island]
    enough &= cover_mm2 >= (COVERED_SHARE - _SLACK) * pieces.surface_mm2[island]
    return island[enough], value[enough]
