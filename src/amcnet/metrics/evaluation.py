"""One call that compares a labelled volume with its reference and returns JSON-ready data."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.metrics.checks import check_label_volume, checked_spacing_mm
from amcnet.metrics.overlap import Overlap, confusion_matrix, overlap_by_structure, pooled_overlap
from amcnet.metrics.solid import Box, Labels, Solid, crop_solid, principal_extents_mm
from amcnet.metrics.summary import Row, summarise_structures, surface_dice_key
from amcnet.metrics.surface import surface_distances


@dataclass(frozen=True)
class _Pair:
    """A case with what is computed once for all its structures."""

    reference: Labels
    prediction: Labels
    reference_boxes: Sequence[Box | None]
    prediction_boxes: Sequence[Box | None]
    spacing_mm: NDArray[np.float64]
    surface_tolerance_mm: float


def evaluate_case(
    reference: Labels,
    prediction: Labels,
    spacing_mm: Sequence[float],
    num_classes: int,
    table: LabelTable | None = None,
    surface_tolerance_mm: float = 0.5,
) -> dict[str, Any]:
    """Compare a prediction with its reference.

    Args:
        reference: Integer labels, (scan, lateral, depth), 0 is background.
        prediction: Labels of the same shape.
        spacing_mm: Voxel size in the same order.
        num_classes: Number of labels with the background.
        table: Names and kinds; without it structures are called ``label 7`` and so on.
        surface_tolerance_mm: Tolerance of the surface Dice; part of its key.

    Returns:
        ``summary`` (see :func:`amcnet.metrics.summarise_structures`; also the pooled
        ``dice_foreground``, ``jaccard_foreground``, ``dice_binary``, ``jaccard_binary``, and with
        a table ``by_kind``) and ``structures``, one row a label. A value that does not exist is
        None: all of them for a structure absent on both sides, distances and length error for a
        missed or an invented one, whose overlaps are 0. ``length_error_mm`` is absolute.

    Raises:
        InputError: If shapes differ, labels are not integers or out of range, or the spacing, the
            tolerance or the table does not fit.
    """
    check_label_volume(reference, "reference")
    check_label_volume(prediction, "prediction")
    spacing = checked_spacing_mm(spacing_mm)
    if table is not None and table.num_classes != num_classes:
        raise InputError(
            f"the label table has {table.num_classes} classes with the background, "
            f"expected {num_classes}"
        )
    if not 0 <= surface_tolerance_mm < np.inf:
        raise InputError(
            f"surface_tolerance_mm is {surface_tolerance_mm}, expected a finite number from 0"
        )
    confusion = confusion_matrix(reference, prediction, num_classes)
    rows = _structure_rows(
        _pair(reference, prediction, spacing, surface_tolerance_mm, num_classes), confusion, table
    )
    surface_key = surface_dice_key(surface_tolerance_mm)
    summary = summarise_structures(rows, surface_key) | asdict(pooled_overlap(confusion))
    if table is not None:
        summary["by_kind"] = {
            kind: summarise_structures([row for row in rows if row["kind"] == kind], surface_key)
            for kind in table.kinds
        }
    return {"summary": summary, "structures": rows}


def _pair(
    reference: Labels,
    prediction: Labels,
    spacing_mm: NDArray[np.float64],
    surface_tolerance_mm: float,
    num_classes: int,
) -> _Pair:
    from scipy.ndimage import find_objects

    return _Pair(
        reference=reference,
        prediction=prediction,
        reference_boxes=find_objects(reference, num_classes - 1),
        prediction_boxes=find_objects(prediction, num_classes - 1),
        spacing_mm=spacing_mm,
        surface_tolerance_mm=surface_tolerance_mm,
    )


def _structure_rows(
    pair: _Pair, confusion: NDArray[np.int64], table: LabelTable | None
) -> list[Row]:
    overlaps = overlap_by_structure(confusion)
    # The largest structures first, so that no thread is left with one of them at the end.
    by_size = sorted(
        overlaps, key=lambda v: overlaps[v].reference_voxels + overlaps[v].prediction_voxels
    )
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        futures = {value: pool.submit(_shape_scores, pair, value) for value in by_size[::-1]}
        return [
            _identity(value, table) | _overlap_scores(overlap) | futures[value].result()
            for value, overlap in overlaps.items()
        ]


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


def _shape_scores(pair: _Pair, value: int) -> Row:
    """Score surfaces and lengths of one structure."""
    reference = _solid(pair.reference, value, pair.reference_boxes[value - 1], pair.spacing_mm)
    prediction = _solid(pair.prediction, value, pair.prediction_boxes[value - 1], pair.spacing_mm)
    reference_length = principal_extents_mm(reference)[0] if reference else None
    prediction_length = principal_extents_mm(prediction)[0] if prediction else None
    surface_key = surface_dice_key(pair.surface_tolerance_mm)
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
        scores[surface_key] = distances.surface_dice(pair.surface_tolerance_mm)
        scores["length_error_mm"] = abs(prediction_length - reference_length)
    return scores


def _solid(
    labels: Labels, value: int, box: Box | None, spacing_mm: NDArray[np.float64]
) -> Solid | None:
    return None if box is None else crop_solid(labels, value, box, spacing_mm)
