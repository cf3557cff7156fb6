"""Connected components of a label map from its run-length encoding: sizes, surfaces, contacts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from amcnet.labelmaps.run_length import RunLengthEncoding, expand_ranges

_Indices = NDArray[np.int64]
Areas = NDArray[np.float64]


@dataclass(frozen=True)
class Contacts:
    """Areas that pairs of runs or of components share.

    Attributes:
        first: int64 (pair,), index of one partner.
        second: int64 (pair,), index of the other.
        area_mm2: float64 (pair,), shared area.
    """

    first: _Indices
    second: _Indices
    area_mm2: Areas


@dataclass(frozen=True)
class ConnectedComponents:
    """The connected components (6 neighbours, equal label) of a label map, in memory order.

    Attributes:
        of_run: int32 (run,), the component of each run.
        value: uint8 (component,), label.
        voxels: int64 (component,), size.
        surface_mm2: float64 (component,), area of all outer voxel faces, also at the border of the
            volume.
        contacts: Areas that components share; each pair appears in both orders.
    """

    of_run: NDArray[np.int32]
    value: NDArray[np.uint8]
    voxels: NDArray[np.int64]
    surface_mm2: Areas
    contacts: Contacts


def find_components(
    runs: RunLengthEncoding, spacing_mm: tuple[float, float, float]
) -> ConnectedComponents:
    """Find the connected components of a label map.

    Args:
        runs: Run-length encoding of the map.
        spacing_mm: Voxel size in (scan, lateral, depth).

    Example:
        >>> from amcnet.labelmaps.run_length import RunLengthEncoder
        >>> encoder = RunLengthEncoder()
        >>> encoder.add(np.array([[1, 1, 0, 1], [0, 1, 0, 2]], np.uint8))
        >>> found = find_components(encoder.runs(), (1.0, 1.0, 1.0))
        >>> found.value.tolist(), found.voxels.tolist()
        ([1, 1, 2], [3, 1, 1])
    """
    touching = _touching_runs(runs, spacing_mm)
    same = runs.value[touching.first] == runs.value[touching.second]
    count, of_run = _join(len(runs.value), touching.first[same], touching.second[same])
    value = np.zeros(count, np.uint8)
    value[of_run] = runs.value
    length = runs.stop - runs.start
    scan_mm, lateral_mm, depth_mm = spacing_mm
    faces_mm2 = 2 * scan_mm * lateral_mm + 2 * length * depth_mm * (scan_mm + lateral_mm)
    inner_mm2 = _sums(of_run[touching.first[same]], touching.area_mm2[same], count)
    return ConnectedComponents(
        of_run=of_run,
        value=value,
        voxels=_sums(of_run, length, count).astype(np.int64),
        surface_mm2=_sums(of_run, faces_mm2, count) - 2 * inner_mm2,
        contacts=_contacts(of_run, count, touching, ~same),
    )


def _touching_runs(runs: RunLengthEncoding, spacing_mm: tuple[float, float, float]) -> Contacts:
    """Return all pairs of runs that share faces, each pair once."""
    scan_mm, lateral_mm, depth_mm = spacing_mm
    _, laterals, depth = runs.shape
    everything = np.arange(len(runs.start))
    within_slice = everything[(runs.start // max(1, depth) + 1) % max(1, laterals) > 0]
    behind = everything[:-1][(runs.stop[:-1] == runs.start[1:]) & (runs.start[1:] % depth > 0)]
    end_mm2 = np.full(len(behind), scan_mm * lateral_mm)
    parts = [
        Contacts(behind, behind + 1, end_mm2),
        _overlaps(runs, within_slice, depth, scan_mm * depth_mm),
        _overlaps(runs, everything, laterals * depth, lateral_mm * depth_mm),
    ]
    return Contacts(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.area_mm2 for part in parts]),
    )


def _overlaps(runs: RunLengthEncoding, chosen: _Indices, shift: int, face_mm2: float) -> Contacts:
    """Return the runs that overlap the chosen runs ``shift`` voxels further in the flat volume."""
    start, stop = runs.start[chosen] + shift, runs.stop[chosen] + shift
    # Runs are disjoint and ordered, so that starts and stops both ascend.
    low = np.searchsorted(runs.stop, start, side="right")
    count_of_each = np.searchsorted(runs.start, stop, side="left") - low
    one = np.repeat(np.arange(len(chosen)), count_of_each)
    other = expand_ranges(low, count_of_each)
    length = np.minimum(stop[one], runs.stop[other]) - np.maximum(start[one], runs.start[other])
    return Contacts(chosen[one], other, length * face_mm2)


def _join(count: int, first: _Indices, second: _Indices) -> tuple[int, NDArray[np.int32]]:
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    joined: tuple[int, NDArray[np.int32]] = connected_components(graph, directed=False)
    return joined


def _contacts(
    of_run: NDArray[np.int32], count: int, touching: Contacts, chosen: NDArray[np.bool_]
) -> Contacts:
    """Sum the contacts of runs to contacts of components."""
    one = of_run[touching.first[chosen]].astype(np.int64)
    other = of_run[touching.second[chosen]].astype(np.int64)
    pairs, pair = np.unique(
        np.concatenate([one * count + other, other * count + one]), return_inverse=True
    )
    area_mm2 = _sums(pair, np.tile(touching.area_mm2[chosen], 2), len(pairs))
    return Contacts(pairs // max(1, count), pairs % max(1, count), area_mm2)


def _sums(owner: NDArray[np.integer], amount: NDArray[np.number], count: int) -> Areas:
    """Sum amounts by owner; return float64 (owner,), even for no amounts."""
    return np.bincount(owner, amount, count).astype(np.float64)
