"""Find the order and direction of a volume's axes by segmenting candidates at low resolution.

A candidate assigns the volume's axes to scan, lateral and depth and may reverse scan and depth.
Lateral mirror images are not distinguished: they show the other hand. The network runs on a grid
coarser than its own, by a factor that bounds the total time. Bones look smaller there, but the
correct candidate usually still wins clearly. The two most likely candidates, both directions of the
scan in the most likely order, run on the network's own grid: small hands are lost on a coarser one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import log

import numpy as np

from amcnet.data.resampling import resample_image
from amcnet.inference import Segmenter, Stage, StageProgress
from amcnet.inference.prepared import Prepared
from amcnet.inference.progress import no_stage_progress
from amcnet.io import Geometry
from amcnet.io.geometry import Triple
from amcnet.workflows.segment.checking import check, sum_of_confidence

_TYPICAL_MM = (170.0, 133.0, 45.0)  # extent of a child's hand scan: scan, lateral, depth
_DEPTH_TOLERANCE = 1.5  # largest ratio of the depth extent to the shortest extent
_COARSENING = 1.5  # relative to the network's grid
_COARSENING_OF_MANY = 1.75
_MANY = 8
_ON_OWN_GRID = 2  # candidates that run on the network's own grid
_STRAIGHT = (False, False, False)
_SURE = 0.8  # mean confidence of the structures at which the search ends

Order = tuple[int, int, int]


@dataclass(frozen=True)
class Storage:
    """A candidate: order and direction of a volume's axes.

    Attributes:
        order: Axis of the volume for each of scan, lateral and depth.
        reversed: Whether each of these axes is reversed.
    """

    order: Order
    reversed: tuple[bool, bool, bool]


@dataclass(frozen=True)
class AxesFound:
    """Result of the search.

    Attributes:
        axes: Interpretation of x, y and z of the file, in the syntax of ``--axes``.
        is_hand: Whether a hand was found at low resolution.
        confidence: Sum of the mean probabilities of the structures found.
    """

    axes: str
    is_hand: bool
    confidence: float


def search_axes(
    prepared: Prepared,
    segmenter: Segmenter,
    progress: StageProgress = no_stage_progress,
    spacing_mm: Triple | None = None,
) -> AxesFound:
    """Return the order and direction of the axes in which a volume looks most like a hand.

    Candidates are tried from the most to the least likely, judged by the volume's extents. The
    search ends at the first clear hand.

    Args:
        prepared: The volume on the network's grid, with its current axes.
        segmenter: The model.
        progress: Called with (stage, candidates tried, number of candidates).
        spacing_mm: Voxel size in (scan, lateral, depth) given by the user: it refers to the
            canonical axes, not to the axes of the file.

    Example:
        >>> from amcnet.io import volume_from_array
        >>> segmenter = Segmenter()
        >>> volume = volume_from_array(np.zeros((10, 8, 3), np.uint8), (8.0, 8.0, 8.0))
        >>> search_axes(segmenter.prepare([volume]), segmenter).is_hand
        False
    """
    geometry = prepared.geometry
    storages = list(
        likely_storages(
            lambda order: extents_of(turned(geometry, Storage(order, _STRAIGHT), spacing_mm))
        )
    )
    coarsening = _COARSENING if len(storages) <= _MANY else _COARSENING_OF_MANY
    quick = segmenter.with_quality("fast")
    found: list[AxesFound] = []
    for storage in storages:
        progress(Stage.SEARCHING_AXES, len(found), len(storages))
        factor = 1.0 if len(found) < _ON_OWN_GRID else coarsening
        result = quick.label(coarse_view(prepared, quick, storage, factor, spacing_mm))
        is_hand, confidence = not check(result).is_no_hand, sum_of_confidence(result)
        found.append(AxesFound(turned(geometry, storage).axes, is_hand, confidence))
        if is_hand and confidence >= _SURE * max(1, len(result.confidence)):
            break
    return max(found, key=lambda one: (one.is_hand, one.confidence))


def likely_storages(extents_mm_of: Callable[[Order], Triple]) -> Iterator[Storage]:
    """Yield the plausible candidates for a volume, the most likely first.

    Args:
        extents_mm_of: Returns the extents of (scan, lateral, depth) for an order of the axes.

    >>> extents_mm = (170.0, 130.0, 45.0)
    >>> first = next(likely_storages(lambda order: tuple(extents_mm[axis] for axis in order)))
    >>> first.order, first.reversed
    ((0, 1, 2), (False, False, False))
    """

    def unlikeliness(order: Order) -> float:
        pairs = zip(extents_mm_of(order), _TYPICAL_MM, strict=True)
        return sum(abs(log(mm / typical)) for mm, typical in pairs)

    orders: list[Order] = [(a, b, c) for a, b, c in permutations(range(3))]
    for order in sorted(orders, key=unlikeliness):
        extents_mm = extents_mm_of(order)
        if extents_mm[2] <= _DEPTH_TOLERANCE * min(extents_mm):
            for depth, scan in product((False, True), repeat=2):
                yield Storage(order, (scan, False, depth))


def extents_of(geometry: Geometry) -> Triple:
    """Return the extents of a volume in (scan, lateral, depth), in mm."""
    scan, lateral, depth = (
        size * mm
        for size, mm in zip(geometry.canonical_shape, geometry.canonical_spacing_mm, strict=True)
    )
    return (scan, lateral, depth)


def turned(geometry: Geometry, storage: Storage, spacing_mm: Triple | None = None) -> Geometry:
    """Return the geometry of the same file with the axes of a candidate.

    Args:
        geometry: The geometry.
        storage: The candidate.
        spacing_mm: Voxel size in (scan, lateral, depth) given by the user.
    """
    order = [geometry.order[axis] for axis in storage.order]
    flipped = [
        geometry.flipped[axis] != is_reversed
        for axis, is_reversed in zip(storage.order, storage.reversed, strict=True)
    ]
    taken = replace(
        geometry,
        order=(order[0], order[1], order[2]),
        flipped=(flipped[0], flipped[1], flipped[2]),
    )
    return taken if spacing_mm is None else taken.with_spacing(spacing_mm)


def coarse_view(
    prepared: Prepared,
    segmenter: Segmenter,
    storage: Storage,
    coarsening: float,
    spacing_mm: Triple | None = None,
) -> Prepared:
    """Return a volume with the axes of a candidate on a coarser grid.

    Args:
        prepared: The volume on the network's grid.
        segmenter: The model.
        storage: The candidate.
        coarsening: Spacing relative to the network's grid.
        spacing_mm: Voxel size in (scan, lateral, depth) given by the user.
    """
    geometry = turned(prepared.geometry, storage, spacing_mm)
    extents_mm = extents_of(geometry)
    target_mm = segmenter.bundle.description.preprocessing.spacing_mm
    sizes = [
        max(1, round(extent / (coarsening * mm)))
        for extent, mm in zip(extents_mm, target_mm, strict=True)
    ]
    shape = (sizes[0], sizes[1], sizes[2])
    spacing = [extent / size for extent, size in zip(extents_mm, shape, strict=True)]
    flips = tuple(axis for axis in range(3) if storage.reversed[axis])
    image = np.stack(
        [
            resample_image(np.flip(channel.transpose(storage.order), flips), shape)
            for channel in prepared.image
        ]
    )
    grid = Geometry.canonical(shape, (spacing[0], spacing[1], spacing[2]))
    return Prepared(image, grid, 0.0)
