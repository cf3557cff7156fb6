"""Sizes of labelled structures in millimetres: volume, extents, surface area, centroid."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from amcnet.anatomy import LabelTable, Structure
from amcnet.labelmaps.region_finding import find_regions
from amcnet.labelmaps.validation import (
    as_array,
    check_ignore_value,
    check_label_range,
    check_label_volume,
    checked_spacing_mm,
    labelled_box,
    without_ignored,
)
from amcnet.measurement.extents import extents_mm
from amcnet.measurement.growth_ends import (
    GrowthEnd,
    Placed,
    bones_of_epiphyses,
    measure_growth_end,
)
from amcnet.measurement.surface_area import surface_area_mm2
from amcnet.parallel import processors
from amcnet.short_repr import short_repr


@dataclass(frozen=True)
class Measurement:
    """Sizes of one structure; every size is None if the structure is absent.

    Attributes:
        label: Label value.
        name: Name from the label table.
        present: Whether the volume holds at least one voxel of it.
        voxels: Number of voxels.
        volume_mm3: Voxels times the volume of one voxel.
        length_mm: Extent along the principal axis (the axis of largest variance).
        width_mm: The larger of the extents along the two other principal axes.
        thickness_mm: The smaller of them; for round and square sections, whose axes are not unique,
            see :func:`amcnet.measurement.extents_mm`.
        centroid_mm: Mean position in (scan, lateral, depth), from the centre of the first voxel.
        confidence: The caller's value for this label, or None.
        surface_area_mm2: Surface area, see :func:`amcnet.measurement.surface_area_mm2`.
        growth_end: Widths of an epiphysis and its shaft's end, if the table gives its bone.

    Example:
        >>> cube = np.ones((2, 3, 4), np.uint8)
        >>> measured = measure_structures(cube, (1.0, 1.0, 1.0), LabelTable.from_names(["a", "b"]))
        >>> measured[0].volume_mm3, measured[1].present, measured[1].volume_mm3
        (24.0, False, None)
    """

    label: int
    name: str
    present: bool
    voxels: int
    volume_mm3: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None
    thickness_mm: float | None = None
    centroid_mm: tuple[float, float, float] | None = None
    confidence: float | None = None
    surface_area_mm2: float | None = None
    growth_end: GrowthEnd | None = None
    __repr__ = short_repr


def measure_structures(
    labels: ArrayLike,
    spacing_mm: Sequence[float],
    table: LabelTable,
    confidence: Mapping[int, float] | None = None,
    ignore_value: int | None = None,
    surfaces: bool = True,
) -> list[Measurement]:
    """Measure every structure of the table, in the order of the table.

    Args:
        labels: Integer labels, (scan, lateral, depth); an array or a tensor.
        spacing_mm: Voxel size in the same order.
        table: Names of the labels; other labels are an error.
        confidence: One number per label value, copied into the result.
        ignore_value: Ignore label, above the values of the table; its voxels count as background.
        surfaces: Also measure surface areas and growth ends, which takes most of the time.

    Raises:
        InputError: If the labels are not integers, not three-dimensional or not in the table, or
            the spacing is not three positive numbers.

    Example:
        >>> labels = np.zeros((12, 12, 12), np.uint8)
        >>> labels[1:11, 4:8, 4:6] = 1
        >>> table = LabelTable.from_names(["block"])
        >>> (block,) = measure_structures(labels, (1.0, 1.0, 1.0), table)
        >>> round(block.length_mm), round(block.width_mm), round(block.thickness_mm)
        (10, 4, 2)
        >>> block.volume_mm3
        80.0
    """
    spacing = checked_spacing_mm(spacing_mm)
    labels = as_array(labels)
    check_label_volume(labels, "labels")
    check_ignore_value(ignore_value, table.num_classes)
    labels = without_ignored(labels, labels, ignore_value)
    box = labelled_box(labels)  # skipping the background takes most of the time
    corner_mm = [part.start * float(mm) for part, mm in zip(box, spacing, strict=True)]
    labels = labels[box]
    check_label_range(labels, "labels", table.num_classes)
    placed = [
        None if region is None else Placed(labels, structure.value, region)
        for structure, region in zip(
            table, find_regions(labels, table.num_classes, spacing), strict=True
        )
    ]
    with ThreadPoolExecutor(processors()) as pool:  # NumPy releases the interpreter lock
        measured = list(pool.map(partial(_measure, surfaces=surfaces), table, placed))
        bones = bones_of_epiphyses(table) if surfaces else {}
        growth_ends = pool.map(partial(_growth_end, placed, table), bones, bones.values())
        by_epiphysis = dict(zip(bones, growth_ends, strict=True))
    return [
        replace(
            one,
            centroid_mm=_shifted(one.centroid_mm, corner_mm),
            confidence=(confidence or {}).get(one.label),
            growth_end=by_epiphysis.get(one.label),
        )
        for one in measured
    ]


def _measure(structure: Structure, placed: Placed | None, *, surfaces: bool) -> Measurement:
    if placed is None:
        return Measurement(structure.value, structure.name, present=False, voxels=0)
    region = placed.region
    spacing_mm = [float(value) for value in region.spacing_mm]
    length, width, thickness = extents_mm(region)
    scan, lateral, depth = (float(value) for value in region.centroid_mm)
    return Measurement(
        label=structure.value,
        name=structure.name,
        present=True,
        voxels=region.voxels,
        volume_mm3=region.voxels * float(np.prod(spacing_mm)),
        length_mm=length,
        width_mm=width,
        thickness_mm=thickness,
        centroid_mm=(scan, lateral, depth),
        surface_area_mm2=surface_area_mm2(placed.mask(), spacing_mm) if surfaces else None,
    )


def _shifted(
    centroid_mm: tuple[float, float, float] | None, corner_mm: Sequence[float]
) -> tuple[float, float, float] | None:
    if centroid_mm is None:
        return None
    scan, lateral, depth = (
        float(at + start) for at, start in zip(centroid_mm, corner_mm, strict=True)
    )
    return scan, lateral, depth


def _growth_end(
    placed: Sequence[Placed | None], table: LabelTable, epiphysis: int, bone: int
) -> GrowthEnd:
    placed_epiphysis, placed_bone = placed[epiphysis - 1], placed[bone - 1]
    if placed_epiphysis is None or placed_bone is None:
        return GrowthEnd(table[bone].name)
    return measure_growth_end(table[bone].name, placed_bone, placed_epiphysis.region)
