"""The structures of a label map, reduced to the properties that the checks need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError
from amcnet.labelmaps.connected_components import find_components
from amcnet.labelmaps.region import Labels
from amcnet.labelmaps.run_length import RunLengthEncoder, RunLengthEncoding
from amcnet.measurement import Measurement, measure_structures

_MAX_STRUCTURES = 254
_MAX_POINTS = 3000  # points per surface, enough for gaps

FACES = (
    "first scan slice",
    "last scan slice",
    "first lateral voxel",
    "last lateral voxel",
    "probe side",
    "far side",
)
"""The faces of a volume, two for each of (scan, lateral, depth)."""


@dataclass(frozen=True, eq=False)
class Found:
    """One structure that is present.

    Attributes:
        structure: The structure.
        size: Its measurements, without surface area.
        piece_voxels: Voxels of each connected component (26 neighbours), the largest first.
        faces: The faces of the volume that it touches, see :data:`FACES`.
        surface_mm: Points on its surface, (n, 3), (scan, lateral, depth).
    """

    structure: Structure
    size: Measurement
    piece_voxels: tuple[int, ...]
    faces: frozenset[str]
    surface_mm: NDArray[np.float64]

    @property
    def at_border(self) -> bool:
        """Whether it touches a face of the volume."""
        return bool(self.faces)

    @property
    def centroid_mm(self) -> NDArray[np.float64]:
        """Mean position, (3,)."""
        return np.array(self.size.centroid_mm)

    @property
    def length_mm(self) -> float:
        """Extent along the principal axis."""
        return float(self.size.length_mm or 0.0)

    @property
    def volume_mm3(self) -> float:
        """Volume."""
        return float(self.size.volume_mm3 or 0.0)


@dataclass(frozen=True, eq=False)
class Observation:
    """All structures of a label map.

    Attributes:
        table: The label table.
        spacing_mm: Voxel size, (scan, lateral, depth).
        found: Label value -> structure, for present structures.
    """

    table: LabelTable
    spacing_mm: tuple[float, float, float]
    found: dict[int, Found]


def observe(
    labels: Labels,
    spacing_mm: Sequence[float],
    table: LabelTable,
    confidence: Mapping[int, float] | None = None,
) -> Observation:
    """Measure all structures and their components; arguments as for ``check_segmentation``.

    Raises:
        InputError: If labels, spacing and table do not match.
    """
    if len(table) > _MAX_STRUCTURES:
        raise InputError(
            f"label table: has {len(table)} structures, expected at most {_MAX_STRUCTURES}"
        )
    sizes = measure_structures(labels, spacing_mm, table, confidence, surfaces=False)
    collector = RunLengthEncoder()
    for plane in labels:
        collector.add(np.asarray(plane).astype(np.uint8, copy=False))
    runs = collector.runs()
    scan_mm, lateral_mm, depth_mm = (float(value) for value in spacing_mm)
    spacing = (scan_mm, lateral_mm, depth_mm)
    pieces = find_components(runs, spacing)
    touching = {
        face: set(np.unique(runs.value[chosen]).tolist()) for face, chosen in _touching(runs)
    }
    found = {}
    for size in sizes:
        if not size.present:
            continue
        voxels = pieces.voxels[pieces.value == size.label]
        # Connected by faces; a thin cap on a coarse grid may be connected only by corners.
        if len(voxels) > 1:
            voxels = _voxels_of_pieces(labels[_box(runs, size.label)] == size.label)
        found[size.label] = Found(
            structure=table[size.label],
            size=size,
            piece_voxels=tuple(sorted((int(count) for count in voxels), reverse=True)),
            faces=frozenset(face for face, values in touching.items() if size.label in values),
            surface_mm=_surface_points(runs, size.label, spacing),
        )
    return Observation(table, spacing, found)


def _box(runs: RunLengthEncoding, value: int) -> tuple[slice, ...]:
    """Return the bounding box of a structure."""
    chosen = runs.value == value
    places = np.unravel_index([runs.start[chosen], runs.stop[chosen] - 1], runs.shape)
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in places)


def _voxels_of_pieces(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    pieces, _ = label(mask, np.ones((3, 3, 3)))
    counts: NDArray[np.int64] = np.bincount(pieces.ravel())[1:]
    return counts


def _touching(runs: RunLengthEncoding) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each face of the volume with the runs that touch it."""
    scans, laterals, depths = runs.shape
    scan, lateral, first = np.unravel_index(runs.start, runs.shape)
    last = first + (runs.stop - runs.start) - 1
    chosen = (
        scan == 0,
        scan == scans - 1,
        lateral == 0,
        lateral == laterals - 1,
        first == 0,
        last == depths - 1,
    )
    yield from zip(FACES, chosen, strict=True)


def _surface_points(
    runs: RunLengthEncoding, value: int, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return the ends of a structure's runs, evenly subsampled."""
    chosen = np.flatnonzero(runs.value == value)
    step = max(1, -(-len(chosen) // (_MAX_POINTS // 2)))
    return runs.ends_mm(chosen[::step], spacing_mm)
