"""Evaluate a labelled volume against its reference."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import ConfigError, InputError, count_text
from amcnet.labelmaps.region import Labels, Region, length_mm
from amcnet.labelmaps.region_finding import find_regions
from amcnet.labelmaps.validation import (
    as_array,
    check_ignore_value,
    check_label_volume,
    check_shapes,
    checked_spacing_mm,
    without_ignored,
)
from amcnet.metrics.case_evaluation import CaseEvaluation, ShapeScores, StructureScores
from amcnet.metrics.overlap import confusion_matrix, overlap_by_structure, pooled_overlap
from amcnet.metrics.summary import ScoreRow, summarise_structures, surface_dice_key
from amcnet.metrics.surface import surface_distances
from amcnet.parallel import processors

SURFACE_TOLERANCE_MM = 0.5

_RegionPair = tuple[Region | None, Region | None]


def evaluate_case(
    reference: ArrayLike,
    prediction: ArrayLike,
    spacing_mm: Sequence[float],
    num_classes: int | None = None,
    table: LabelTable | None = None,
    surface_tolerance_mm: float = SURFACE_TOLERANCE_MM,
    threads: int | None = None,
    ignore_value: int | None = None,
) -> CaseEvaluation:
    """Compare a predicted segmentation with its reference.

    Args:
        reference: Integer labels, (scan, lateral, depth), 0 is background; an array or a tensor.
        prediction: Labels of the same shape.
        spacing_mm: Voxel size in the same order.
        num_classes: Number of labels, including background; by default that of the table, or up to
            the highest label of either volume.
        table: Names and kinds of the labels; without it, structures are named ``label 7`` and so
            on.
        surface_tolerance_mm: Tolerance of the surface Dice; part of its key.
        threads: Maximum number of threads, by default one per processor. The result is the same.
        ignore_value: Ignore label of the reference. Its voxels are background on both sides, for
            surfaces and lengths too.

    Returns:
        Scores per structure and a summary. A value that does not exist is None: every score of a
        structure that is absent on both sides; distances and length error of a structure that was
        missed or invented, whose overlap scores are 0. Definitions: :mod:`amcnet.metrics.surface`,
        :mod:`amcnet.metrics.overlap`.

    Raises:
        InputError: If shapes differ, labels are not integers or out of range, or the spacing,
            tolerance, table or ignore label is not valid.
        ConfigError: If ``threads`` is less than 1.

    Example:
        >>> import numpy as np
        >>> reference = np.zeros((6, 6, 6), np.uint8)
        >>> reference[1:5, 1:5, 1:5] = 1
        >>> prediction = np.roll(reference, 1, axis=2)
        >>> case = evaluate_case(reference, prediction, spacing_mm=(1.0, 1.0, 0.5))
        >>> case.structures[0].dice, case.structures[0].shape.hd95_mm
        (0.75, 0.5)
        >>> case
        CaseEvaluation(1 structure, 0 missed, mean Dice 0.750)
    """
    reference, prediction = as_array(reference), as_array(prediction)
    check_label_volume(reference, "reference")
    check_label_volume(prediction, "prediction")
    spacing = checked_spacing_mm(spacing_mm)
    if num_classes is None:
        num_classes = _num_classes(table, reference, prediction, ignore_value)
    _check_options(num_classes, table, surface_tolerance_mm, threads)
    check_ignore_value(ignore_value, num_classes)
    if ignore_value is not None:
        check_shapes(reference, prediction)
        prediction = without_ignored(prediction, reference, ignore_value)
        reference = without_ignored(reference, reference, ignore_value)
    confusion = confusion_matrix(reference, prediction, num_classes)
    with ThreadPoolExecutor(threads or processors()) as pool:
        regions = pool.map(
            lambda labels: find_regions(labels, num_classes, spacing), (reference, prediction)
        )
        shapes = _shape_scores_of_all(list(zip(*regions, strict=True)), surface_tolerance_mm, pool)
    structures = tuple(
        StructureScores(value, *_identity(value, table), overlap, shape)
        for (value, overlap), shape in zip(
            overlap_by_structure(confusion).items(), shapes, strict=True
        )
    )
    summary = _summary(structures, confusion, surface_tolerance_mm)
    if table is not None:
        by_kind = {kind: [s for s in structures if s.kind == kind] for kind in table.kinds}
        summary["by_kind"] = {
            kind: _summary(chosen, confusion, surface_tolerance_mm, [s.label for s in chosen])
            for kind, chosen in by_kind.items()
        }
    return CaseEvaluation(structures, summary, surface_tolerance_mm)


def _num_classes(
    table: LabelTable | None, reference: Labels, prediction: Labels, ignore_value: int | None
) -> int:
    if table is not None:
        return table.num_classes
    if ignore_value is not None:
        reference = without_ignored(reference, reference, ignore_value)
        prediction = without_ignored(prediction, prediction, ignore_value)
    highest = max(int(labels.max(initial=0)) for labels in (reference, prediction))
    return max(2, highest + 1)


def _summary(
    structures: Sequence[StructureScores],
    confusion: NDArray[np.int64],
    tolerance_mm: float,
    labels: Sequence[int] | None = None,
) -> ScoreRow:
    rows = [one.to_row(tolerance_mm) for one in structures]
    pooled = asdict(pooled_overlap(confusion, labels))
    return summarise_structures(rows, surface_dice_key(tolerance_mm)) | pooled


def _check_options(
    num_classes: int,
    table: LabelTable | None,
    surface_tolerance_mm: float,
    threads: int | None,
) -> None:
    if table is not None and table.num_classes != num_classes:
        raise InputError(
            f"the label table has {count_text(table.num_classes, 'class')} with the background, "
            f"expected {num_classes}"
        )
    if not 0 <= surface_tolerance_mm < math.inf:
        raise InputError(
            f"surface_tolerance_mm is {surface_tolerance_mm}, expected a finite number from 0"
        )
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: found {threads}, expected at least 1")


def _shape_scores_of_all(
    pairs: Sequence[_RegionPair], tolerance_mm: float, pool: ThreadPoolExecutor
) -> list[ShapeScores]:
    """Return the scores of every structure, in the order of their pairs."""
    sizes = [sum(len(region.surface_mm) for region in pair if region) for pair in pairs]
    # The largest structures first, so that no thread is left with one of them at the end.
    by_size = sorted(range(len(pairs)), key=sizes.__getitem__, reverse=True)
    futures = {place: pool.submit(_shape_scores, *pairs[place], tolerance_mm) for place in by_size}
    return [futures[place].result() for place in range(len(pairs))]


def _identity(value: int, table: LabelTable | None) -> tuple[str, str | None]:
    if table is None:
        return f"label {value}", None
    return table[value].name, table[value].kind


def _shape_scores(
    reference: Region | None, prediction: Region | None, tolerance_mm: float
) -> ShapeScores:
    """Score surfaces and lengths of one structure."""
    reference_length_mm = length_mm(reference) if reference else None
    prediction_length_mm = length_mm(prediction) if prediction else None
    if not (reference and prediction and reference_length_mm and prediction_length_mm):
        return ShapeScores(
            surface_dice=0.0 if reference or prediction else None,
            reference_length_mm=reference_length_mm,
            prediction_length_mm=prediction_length_mm,
        )
    distances = surface_distances(reference.surface_mm, prediction.surface_mm)
    return ShapeScores(
        hd95_mm=distances.hd95_mm,
        assd_mm=distances.assd_mm,
        surface_dice=distances.surface_dice(tolerance_mm),
        reference_length_mm=reference_length_mm,
        prediction_length_mm=prediction_length_mm,
        length_error_mm=abs(prediction_length_mm - reference_length_mm),
    )
