"""Find the order and direction of a volume's axes by segmenting candidates at low resolution.

A candidate assigns the volume's axes to scan, lateral and depth and may reverse scan and depth.
Lateral mirror images are not distinguished: they show the other hand. The network runs on a grid
coarser than its own, by a factor that bounds the total time. Bones look smaller there, but the
correct candidate still wins clearly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import log

import numpy as np

from amcnet.data.resampling import resample_image
from amcnet.inference import Segmenter, Stage, StageProgress
from amcnet.inference.progress import no_stage_progress
from amcnet.inference.segmenter import Prepared
from amcnet.io import Geometry
from amcnet.io.geometry import Triple
from amcnet.workflows.segment.checking import check, sum_of_confidence

_TYPICAL_MM = (170.0, 133.0, 45.0)  # extent of a child's hand scan: scan, lateral, depth
_DEPTH_TOLERANCE = 1.5  # largest ratio of the depth extent to the shortest extent
_COARSENING = 1.5  # relative to the network's grid
_COARSENING_OF_MANY = 1.75
_MANY = 8
_SURE = 0.8  # mean confidence of the structures at which the search ends


@dataclass(frozen=True)
class Storage:
    """A candidate: order and direction of a volume's axes.

    Attributes:
        order: Axis of the volume for each of scan, lateral and depth.
        reversed: Whether each of these axes is reversed.
    """

    order: tuple[int, int, int]
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
    prepared: Prepared, segmenter: Segmenter, progress: StageProgress = no_stage_progress
) -> AxesFound:
    """Return the order and direction of the axes in which a volume looks most like a hand.

    Candidates are tried from the most to the least likely, judged by the volume's extents. The
    search ends at the first clear hand.

    Args:
        prepared: The volume on the network's grid, with its current axes.
        segmenter: The model.
        progress: Called with (stage, candidates tried, number of candidates).
    """
    geometry = prepared.geometry
    extents_mm = tuple(
        size * mm
        for size, mm in zip(geometry.canonical_shape, geometry.canonical_spacing_mm, strict=True)
    )
    storages = list(likely_storages((extents_mm[0], extents_mm[1], extents_mm[2])))
    coarsening = _COARSENING if len(storages) <= _MANY else _COARSENING_OF_MANY
    quick = segmenter.with_quality("fast")
    found: list[AxesFound] = []
    for storage in storages:
        progress(Stage.SEARCHING_AXES, len(found), len(storages))
        result = quick.label(coarse_view(prepared, quick, storage, coarsening))
        is_hand, confidence = not check(result).is_no_hand, sum_of_confidence(result)
        found.append(AxesFound(turned(geometry, storage).axes, is_hand, confidence))
        if is_hand and confidence >= _SURE * max(1, len(result.confidence)):
            break
    return max(found, key=lambda one: (one.is_hand, one.confidence))


def likely_storages(extents_mm: Triple) -> Iterator[Storage]:
    """Yield the plausible candidates for a volume, the most likely first.

    >>> first = next(likely_storages((170.0, 130.0, 45.0)))
    >>> first.order, first.reversed
    ((0, 1, 2), (False, False, False))
    """

    def unlikeliness(order: tuple[int, ...]) -> float:
        taken = (extents_mm[axis] for axis in order)
        return sum(abs(log(mm / typical)) for mm, typical in zip(taken, _TYPICAL_MM, strict=True))

    longest_depth_mm = _DEPTH_TOLERANCE * min(extents_mm)
    for first, second, third in sorted(permutations(range(3)), key=unlikeliness):
        if extents_mm[third] <= longest_depth_mm:
            for depth, scan in product((False, True), repeat=2):
                yield Storage((first, second, third), (scan, False, depth))


def turned(geometry: Geometry, storage: Storage) -> Geometry:
    """Return the geometry of the same file with the axes of a candidate."""
    order = [geometry.order[axis] for axis in storage.order]
    flipped = [
        geometry.flipped[axis] != is_reversed
        for axis, is_reversed in zip(storage.order, storage.reversed, strict=True)
    ]
    return replace(
        geometry,
        order=(order[0], order[1], order[2]),
        flipped=(flipped[0], flipped[1], flipped[2]),
    )


def coarse_view(
    prepared: Prepared, segmenter: Segmenter, storage: Storage, coarsening: float
) -> Prepared:
    """Return a volume with the axes of a candidate on a coarser grid.

    Args:
        prepared: The volume on the network's grid.
        segmenter: The model.
        storage: The candidate.
        coarsening: Spacing relative to the network's grid.
    """
    geometry = turned(prepared.geometry, storage)
    extents_mm = [
        n * mm
        for n, mm in zip(geometry.canonical_shape, geometry.canonical_spacing_mm, strict=True)
    ]
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
