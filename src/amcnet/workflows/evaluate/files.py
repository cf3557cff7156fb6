"""Evaluate one label file against another."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.data import LabelNames
from amcnet.errors import InputError
from amcnet.io import (
    BY_HEADER,
    Reading,
    Volume,
    grid_differences,
    labels_on_grid,
    may_be_cropped,
)
from amcnet.metrics import CaseEvaluation, evaluate_case
from amcnet.metrics.evaluation import SURFACE_TOLERANCE_MM
from amcnet.workflows.label_names import names_of_files, read_known_labels

LabelArray = NDArray[np.integer[Any]]
LabelPair = tuple[LabelArray, LabelArray, tuple[float, float, float]]


def evaluate_files(
    reference: Path,
    prediction: Path | None,
    table: LabelTable | None = None,
    surface_tolerance_mm: float = SURFACE_TOLERANCE_MM,
    threads: int | None = None,
    ignore_value: int | None = None,
    reading: Reading = BY_HEADER,
) -> CaseEvaluation:
    """Evaluate one label file against another, see :func:`amcnet.metrics.evaluate_case`.

    Segments of the two files are matched by name, whatever their label values are.

    Args:
        reference: The reference segmentation.
        prediction: The segmentation to evaluate; None means all background. It must have the grid
            of the reference, or be a crop of it (``.seg.nrrd`` and DICOM SEG).
        table: Label table; by default from the files, see
            :func:`amcnet.workflows.label_names.names_of_files`.
        surface_tolerance_mm: Tolerance of the surface Dice.
        threads: Maximum number of threads, by default one per processor.
        ignore_value: Ignore label of the reference.
        reading: How both files are read.

    Raises:
        InputError: If a file cannot be read, its values have no names, or the files lie on
            different grids.

    Example:
        >>> from amcnet.io import Geometry, write_labels
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[2:7, 2:7, 2:7] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> write_labels("a.seg.nrrd", labels, grid, LabelTable.from_names(["femur"]))
        >>> evaluate_files(Path("a.seg.nrrd"), Path("a.seg.nrrd")).summary["dice_macro"]
        1.0
    """
    if table is None:
        names = names_of_files([reference, *([] if prediction is None else [prediction])], reading)
        table, ignore_value = names.table, names.ignore_value
    truth, judged, spacing_mm = read_pair(
        reference, prediction, LabelNames(table, ignore_value), reading
    )
    return evaluate_case(
        truth,
        judged,
        spacing_mm,
        table=table,
        surface_tolerance_mm=surface_tolerance_mm,
        threads=threads,
        ignore_value=ignore_value,
    )


def read_pair(
    reference: Path, prediction: Path | None, names: LabelNames, reading: Reading = BY_HEADER
) -> LabelPair:
    """Read a reference and a prediction onto one grid.

    Args:
        reference: The reference segmentation.
        prediction: The segmentation to evaluate; None means all background.
        names: Label names.
        reading: How both files are read.

    Returns:
        Reference, prediction (of one shape) and voxel size, in (scan, lateral, depth).

    Raises:
        InputError: If a file cannot be read, or the files lie on different grids.
    """
    truth = read_known_labels(reference, names, reading)
    if prediction is None:
        return truth.array, np.zeros_like(truth.array), truth.spacing_mm
    judged = read_known_labels(prediction, names, reading)
    return *_on_one_grid(truth, judged, reference, prediction), truth.spacing_mm


def _on_one_grid(
    truth: Volume, judged: Volume, reference: Path, prediction: Path
) -> tuple[LabelArray, LabelArray]:
    if not grid_differences(truth.geometry, judged.geometry):
        return truth.array, judged.array
    # A crop is padded to the grid of the other file.
    cropped_truth = truth.array.size < judged.array.size
    try:
        if cropped_truth:
            return labels_on_grid(truth, judged.geometry), judged.array
        return truth.array, labels_on_grid(judged, truth.geometry)
    except InputError as error:
        differences = "; ".join(grid_differences(truth.geometry, judged.geometry))
        cropped = truth if cropped_truth else judged
        is_new = may_be_cropped(cropped) and differences not in str(error)
        reason = f" ({error})" if is_new else ""
        raise InputError(
            f"{prediction}: does not lie on the grid of {reference}: {differences}{reason}"
        ) from error
