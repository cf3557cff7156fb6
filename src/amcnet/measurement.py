"""Sizes of labelled structures in millimetres: volume, length, width, thickness, centroid."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable, Structure
from amcnet.io.files import atomic_path
from amcnet.metrics.checks import check_label_range, check_label_volume, checked_spacing_mm
from amcnet.metrics.solid import Box, Labels, crop_solid, principal_extents_mm


@dataclass(frozen=True)
class Measurement:
    """Size and place of one structure; every size is None where the structure is absent.

    Attributes:
        label: Label value.
        name: Name from the label table.
        present: Whether the volume holds at least one voxel of it.
        voxels: Number of voxels.
        volume_mm3: Voxels times the volume of one voxel.
        length_mm: Extent along the principal axis (the axis of largest variance).
        width_mm: The larger of the extents along the two other principal axes.
        thickness_mm: The smaller of them.
        centroid_mm: Mean position in (scan, lateral, depth), from the centre of the first voxel.
        confidence: What the caller passed in for this label, or None.
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


def measure_structures(
    labels: Labels,
    spacing_mm: Sequence[float],
    table: LabelTable,
    confidence: Mapping[int, float] | None = None,
) -> list[Measurement]:
    """Measure every structure of the table, in the order of the table.

    Args:
        labels: Integer labels, (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
        table: Names of the labels; a label that it does not hold is an error.
        confidence: One number per label value, copied into the result.

    Raises:
        InputError: If the labels are not integers, not three-dimensional or not in the table, or
            the spacing is not three positive numbers.
    """
    from scipy.ndimage import find_objects

    spacing = checked_spacing_mm(spacing_mm)
    check_label_volume(labels, "labels")
    check_label_range(labels, "labels", table.num_classes)
    boxes = find_objects(labels, len(table)) if len(table) else []
    return [
        _measure(labels, structure, box, spacing, (confidence or {}).get(structure.value))
        for structure, box in zip(table, boxes, strict=True)
    ]


def write_measurements_csv(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write one row a structure; sizes of absent structures are empty cells.

    The centroid takes three columns (scan, lateral, depth). Millimetres have three decimals. The
    file appears whole or not at all.
    """
    names = [field.name for field in fields(Measurement) if field.name != "centroid_mm"]
    centroid_names = [f"centroid_{axis}_mm" for axis in ("scan", "lateral", "depth")]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names + centroid_names)
        for measurement in measurements:
            cells = [getattr(measurement, name) for name in names]
            centroid = measurement.centroid_mm or (None, None, None)
            writer.writerow([_cell(value) for value in (*cells, *centroid)])


def _measure(
    labels: Labels,
    structure: Structure,
    box: Box | None,
    spacing_mm: NDArray[np.float64],
    confidence: float | None,
) -> Measurement:
    if box is None:
        return Measurement(
            structure.value, structure.name, present=False, voxels=0, confidence=confidence
        )
    solid = crop_solid(labels, structure.value, box, spacing_mm)
    length, width, thickness = principal_extents_mm(solid)
    scan, lateral, depth = (float(value) for value in solid.centroid_mm)
    return Measurement(
        label=structure.value,
        name=structure.name,
        present=True,
        voxels=solid.voxels,
        volume_mm3=solid.voxels * float(np.prod(spacing_mm)),
        length_mm=length,
        width_mm=width,
        thickness_mm=thickness,
        centroid_mm=(scan, lateral, depth),
        confidence=confidence,
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
