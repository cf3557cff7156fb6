"""Clean-up of a label map: one connected component per structure, and no islands."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.labelmaps.connected_components import ConnectedComponents, find_components
from amcnet.labelmaps.run_length import RunLengthEncoding

# A component smaller than this share of the structure's largest one is never kept.
CANDIDATE_SHARE = 0.25
# Share of an island's surface that a structure must cover to absorb it. A part of a long bone meets
# the rest of the bone end to end, with a small share of its surface; a speck that touches a bone
# with a corner is not absorbed. Both shares scored best on phantoms.
COVERED_SHARE = 0.05
# Limits the time on noise, where islands touch islands endlessly.
MAX_ROUNDS = 16
# File formats round spacings; quantities equal in one format must compare equal in another.
_SLACK = 1e-6


def clean_up(
    labels: NDArray[np.uint8],
    runs: RunLengthEncoding,
    table: LabelTable,
    spacing_mm: tuple[float, float, float],
    several: Collection[int] = (),
) -> None:
    """Keep one connected component (6 neighbours) of every label, in place.

    A structure keeps its largest component or, if others are nearly as large, the one nearest to
    its neighbours in the chain. Every other component is given to the structure that covers most of
    its labelled contact area, or to the background if this area is too small. Background voxels
    stay background, no label disappears, and a map of single components does not change.

    Args:
        labels: (scan, lateral, depth).
        runs: Run-length encoding of these labels.
        table: Label table, which gives the neighbours of structures, if any.
        spacing_mm: Voxel size in (scan, lateral, depth).
        several: Values of structures that may have several components, all of which are kept.

    Raises:
        InputError: If the encoding has another shape, or a label is not in the table.

    Example:
        >>> from amcnet.labelmaps.run_length import RunLengthEncoder
        >>> labels = np.zeros((1, 1, 9), np.uint8)
        >>> labels[0, 0, 1:6] = labels[0, 0, 8] = 1
        >>> encoder = RunLengthEncoder()
        >>> encoder.add(labels[0])
        >>> clean_up(labels, encoder.runs(), LabelTable.from_names(["femur"]), (1.0, 1.0, 1.0))
        >>> labels[0, 0].tolist()
        [0, 1, 1, 1, 1, 1, 0, 0, 0]
    """
    if labels.shape != runs.shape:
        raise InputError(f"labels have the shape {labels.shape}, expected {runs.shape} of the runs")
    highest = int(runs.value.max(initial=0))
    if highest > len(table):
        raise InputError(f"labels hold the value {highest}, expected 0 to {len(table)}")
    components = find_components(runs, spacing_mm)
    exempt = np.isin(components.value, list(several))
    kept = _kept_components(runs, components, table, spacing_mm, exempt)
    every_kept = np.union1d(np.array(list(kept.values()), np.intp), np.flatnonzero(exempt))
    values = _settle_islands(components, every_kept)
    target = values[components.of_run]
    for value in np.unique(target[target != runs.value]):
        runs.fill(labels, np.flatnonzero((target == value) & (runs.value != value)), int(value))


def _kept_components(
    runs: RunLengthEncoding,
    components: ConnectedComponents,
    table: LabelTable,
    spacing_mm: tuple[float, float, float],
    exempt: NDArray[np.bool_],
) -> dict[int, int]:
    """Choose the component that each structure keeps; return label -> component."""
    single = np.unique(components.value[~exempt])
    candidates = {int(value): _candidates(components, value) for value in single}
    kept = {value: int(found[0]) for value, found in candidates.items() if len(found) == 1}
    while len(kept) < len(candidates):
        unclear = [value for value in candidates if value not in kept]
        decided = {}
        for value in unclear:
            votes = [kept[other] for other in table[value].neighbours if other in kept]
            if votes:
                decided[value] = _nearest(runs, components, candidates[value], votes, spacing_mm)
        if not decided:
            # If no neighbour is decided: decide the clearest structure, which then counts for
            # others.
            clearest = max(unclear, key=lambda value: _clearness(components, candidates[value]))
            decided[clearest] = int(candidates[clearest][0])
        kept |= decided
    return kept


def _candidates(components: ConnectedComponents, value: int) -> NDArray[np.intp]:
    """Return the components that may be kept for a structure, the largest first."""
    found = np.flatnonzero(components.value == value)
    found = found[np.argsort(-components.voxels[found], kind="stable")]
    voxels = components.voxels[found]
    candidates: NDArray[np.intp] = found[voxels >= CANDIDATE_SHARE * voxels[0]]
    return candidates


def _clearness(components: ConnectedComponents, candidates: NDArray[np.intp]) -> float:
    """Return the size ratio of the largest candidate to the second largest."""
    first, second = components.voxels[candidates[:2]]
    return float(first / second)


def _nearest(
    runs: RunLengthEncoding,
    components: ConnectedComponents,
    candidates: NDArray[np.intp],
    votes: list[int],
    spacing_mm: tuple[float, float, float],
) -> int:
    """Return the candidate with the smallest mean gap to the components that its neighbours keep.

    Gaps are measured between the ends of runs, which lie on the surface. The larger one wins a tie.
    """
    rank = np.full(len(components.value), -1)
    rank[candidates] = np.arange(len(candidates))
    owner = rank[components.of_run]
    chosen = np.flatnonzero(owner >= 0)
    ends_mm, owner = runs.ends_mm(chosen, spacing_mm), np.tile(owner[chosen], 2)
    gaps_mm = np.full((len(votes), len(candidates)), np.inf)
    for gap_mm, vote in zip(gaps_mm, votes, strict=True):
        tree = KDTree(runs.ends_mm(np.flatnonzero(components.of_run == vote), spacing_mm))
        np.minimum.at(gap_mm, owner, tree.query(ends_mm)[0])
    mean_mm = gaps_mm.mean(axis=0)
    return int(candidates[np.argmax(mean_mm <= mean_mm.min() * (1 + _SLACK))])


def _settle_islands(components: ConnectedComponents, kept: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the label of every component after the clean-up.

    Islands that touch islands are resolved in rounds: an absorbed island belongs to its structure
    in the next round. If a round absorbs nothing, as with a slab between a bone and its loose part,
    the next round ignores contacts between islands.
    """
    values = np.zeros(len(components.value), np.uint8)
    values[kept] = components.value[kept]
    for _ in range(MAX_ROUNDS):
        absorbed, new_values = _absorbed(components, values, count_islands=True)
        if not len(absorbed):
            absorbed, new_values = _absorbed(components, values, count_islands=False)
        if not len(absorbed):
            break
        values[absorbed] = new_values
    return values


def _absorbed(
    components: ConnectedComponents, values: NDArray[np.uint8], count_islands: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the islands that are absorbed in this round, and the new label of each.

    Args:
        components: All components.
        values: The label of every settled component, 0 for islands.
        count_islands: Whether contacts with other islands count as labelled contact.
    """
    contacts = components.contacts
    island, partner = contacts.first, values[contacts.second]
    loose = values[island] == 0
    settled = loose & (partner > 0)
    counted = loose if count_islands else settled
    labelled_mm2 = np.bincount(island[counted], contacts.area_mm2[counted], len(values))
    pairs, pair = np.unique(island[settled] * 256 + partner[settled], return_inverse=True)
    cover_mm2 = np.bincount(pair, contacts.area_mm2[settled], len(pairs))
    island, value = pairs // 256, (pairs % 256).astype(np.uint8)
    # More than half of the labelled contact: at most one structure can have this.
    enough = cover_mm2 > (0.5 + _SLACK) * labelled_mm2[island]
    enough &= cover_mm2 >= (COVERED_SHARE - _SLACK) * components.surface_mm2[island]
    return island[enough], value[enough]
