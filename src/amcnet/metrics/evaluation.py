"""One call that compares a labelled volume with its reference and returns JSON-ready data."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.errors import ConfigError, InputError
from amcnet.labelmaps.region import Labels, Region, length_mm
from amcnet.labelmaps.region_finding import find_regions
from amcnet.labelmaps.validation import (
    check_ignore_value,
    check_label_volume,
    check_shapes,
    checked_spacing_mm,
    without_ignored,
)
from amcnet.metrics.overlap import Overlap, confusion_matrix, overlap_by_structure, pooled_overlap
from amcnet.metrics.summary import Row, summarise_structures, surface_dice_key
from amcnet.metrics.surface import surface_distances
from amcnet.parallel import processors

SURFACE_TOLERANCE_MM = 0.5

_SolidPair = tuple[Region | None, Region | None]


def evaluate_case(
    reference: Labels,
    prediction: Labels,
    spacing_mm: Sequence[float],
    num_classes: int,
    table: LabelTable | None = None,
    surface_tolerance_mm: float = SURFACE_TOLERANCE_MM,
    threads: int | None = None,
    ignore_value: int | None = None,
) -> dict[str, Any]:
    """Compare a prediction with its reference.

    Args:
        reference: Integer labels, (scan, lateral, depth), 0 is background.
        prediction: Labels of the same shape.
        spacing_mm: Voxel size in the same order.
        num_classes: Number of labels with the background.
        table: Names and kinds; without it structures are called ``label 7`` and so on.
        surface_tolerance_mm: Tolerance of the surface Dice; part of its key.
        threads: Most threads to use, one a processor where left out. The result is the same.
        ignore_value: Value of the reference's voxels of which nothing is known. They are
            background on both sides, for surfaces and lengths too.

    Returns:
        ``summary`` (see :func:`amcnet.metrics.summarise_structures`; also the pooled
        ``dice_foreground``, ``jaccard_foreground``, ``dice_binary``, ``jaccard_binary``, and with
        a table all of this ``by_kind``) and ``structures``, one row a label. A value that does
        not exist is None: all of them for a structure absent on both sides, distances and length
        error for a missed or an invented one, whose overlaps are 0. ``length_error_mm`` is
        absolute.

    Raises:
        InputError: If shapes differ, labels are not integers or out of range, or the spacing, the
            tolerance, the table or the value to ignore does not fit.
        ConfigError: If ``threads`` is less than 1.
    """
    check_label_volume(reference, "reference")
    check_label_volume(prediction, "prediction")
    spacing = checked_spacing_mm(spacing_mm)
    _check_options(num_classes, table, surface_tolerance_mm, threads)
    check_ignore_value(ignore_value, num_classes)
    if ignore_value is not None:
        check_shapes(reference, prediction)
        prediction = without_ignored(prediction, reference, ignore_value)
        reference = without_ignored(reference, reference, ignore_value)
    confusion = confusion_matrix(reference, prediction, num_classes)
    with ThreadPoolExecutor(threads or processors()) as pool:
        solids = pool.map(
            lambda labels: find_regions(labels, num_classes, spacing), (reference, prediction)
        )
        shapes = _shape_scores_of_all(list(zip(*solids, strict=True)), surface_tolerance_mm, pool)
    rows = [
        _identity(value, table) | _overlap_scores(overlap) | shape
        for (value, overlap), shape in zip(
            overlap_by_structure(confusion).items(), shapes, strict=True
        )
    ]
    surface_key = surface_dice_key(surface_tolerance_mm)
    summary = summarise_structures(rows, surface_key) | asdict(pooled_overlap(confusion))
    if table is not None:
        by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in table.kinds}
        summary["by_kind"] = {
            kind: summarise_structures(chosen, surface_key)
            | asdict(pooled_overlap(confusion, [row["label"] for row in chosen]))
            for kind, chosen in by_kind.items()
        }
    return {"summary": summary, "structures": rows}


def _check_options(
    num_classes: int,
    table: LabelTable | None,
    surface_tolerance_mm: float,
    threads: int | None,
) -> None:
    if table is not None and table.num_classes != num_classes:
        raise InputError(
            f"the label table has {table.num_classes} classes with the background, "
            f"expected {num_classes}"
        )
    if not 0 <= surface_tolerance_mm < math.inf:
        raise InputError(
            f"surface_tolerance_mm is {surface_tolerance_mm}, expected a finite number from 0"
        )
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: found {threads}, expected at least 1")


def _shape_scores_of_all(
    pairs: Sequence[_SolidPair], tolerance_mm: float, pool: ThreadPoolExecutor
) -> list[Row]:
    """Return the scores of every structure, in the order of their pairs."""
    sizes = [sum(len(solid.surface_mm) for solid in pair if solid) for pair in pairs]
    # The largest structures first, so that no thread is left with one of them at the end.
    by_size = sorted(range(len(pairs)), key=sizes.__getitem__, reverse=True)
    futures = {place: pool.submit(_shape_scores, *pairs[place], tolerance_mm) for place in by_size}
    return [futures[place].result() for place in range(len(pairs))]


def _identity(value: int, table: LabelTable | None) -> Row:
    if table is None:
        return {"label": value, "name": f"label {value}"}
    return {"label": value, "name": table[value].name, "kind": table[value].kind}


def _overlap_scores(overlap: Overlap) -> Row:
    return {
        "dice": overlap.dice,
        "jaccard": overlap.jaccard,
        "recall": overlap.recall,
        "precision": overlap.precision,
        "f1": overlap.f1,
        "reference_voxels": overlap.reference_voxels,
        "prediction_voxels": overlap.prediction_voxels,
    }


def _shape_scores(reference: Region | None, prediction: Region | None, tolerance_mm: float) -> Row:
    """Score surfaces and lengths of one structure."""
    reference_length = length_mm(reference) if reference else None
    prediction_length = length_mm(prediction) if prediction else None
    surface_key = surface_dice_key(tolerance_mm)
    scores: Row = {
        "hd95_mm": None,
        "assd_mm": None,
        surface_key: 0.0 if reference or prediction else None,
        "reference_length_mm": reference_length,
        "prediction_length_mm": prediction_length,
        "length_error_mm": None,
    }
    if reference and prediction and reference_length and prediction_length:
        distances = surface_distances(reference.surface_mm, prediction.surface_mm)
        scores["hd95_mm"] = distances.hd95_mm
        scores["assd_mm"] = distances.assd_mm
        scores[surface_key] = distances.surface_dice(tolerance_mm)
        scores["length_error_mm"] = abs(prediction_length - reference_length)
    return scores
