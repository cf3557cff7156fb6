"""Predicted Dice coefficients of a newly trained model, calibrated on its held-out cases."""

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from amcnet.anatomy import IGNORE
from amcnet.data import Dataset
from amcnet.data.prepared_store import PreparedCase, PreparedDataset
from amcnet.errors import AmcnetError
from amcnet.inference import Segmenter
from amcnet.inference.prepared import Prepared
from amcnet.io import Geometry, read_labels
from amcnet.quality.dice_fitting import FEWEST_STRUCTURES
from amcnet.workflows.calibration import Judged, calibrate_model

logger = logging.getLogger(__name__)

_MOST_CASES = 8


def calibrate_on_prepared(model: Path, data: PreparedDataset, held_out: Collection[str]) -> None:
    """Calibrate a model on prepared cases; do nothing if they hold too few structures.

    Args:
        model: Folder of the model's bundle.
        data: The prepared data set.
        held_out: Names of the cases that the model was not trained on.
    """
    cases = [case for case in data.cases if case.name in held_out][:_MOST_CASES]
    if sum(_structures(case) for case in cases) < FEWEST_STRUCTURES:
        return
    _calibrate(model, _judged_prepared(model, data, cases), len(cases))


def calibrate_on_raw(model: Path, data: Dataset, held_out: Collection[str]) -> None:
    """Calibrate a model on the images of a data set, see :func:`calibrate_on_prepared`."""
    cases = [case for case in data.cases if case.name in held_out][:_MOST_CASES]
    if len(cases) * len(data.table) < FEWEST_STRUCTURES:
        return

    def judged() -> Iterator[Judged]:
        segmenter = Segmenter(model)
        for case in cases:
            truth = read_labels(case.labels, data.table, ignore_value=data.ignore_value).array
            judged_or_not = np.where(truth == data.ignore_value, IGNORE, truth)
            yield segmenter(channels=case.images), judged_or_not

    _calibrate(model, judged(), len(cases))


def _structures(case: PreparedCase) -> int:
    """Return how many structures a case holds."""
    return int((case.counts.sum(axis=0)[1:] > 0).sum())


def _judged_prepared(
    model: Path, data: PreparedDataset, cases: list[PreparedCase]
) -> Iterator[Judged]:
    segmenter = Segmenter(model)
    for case in cases:
        image, truth = case.slab(0, case.shape[0])
        grid = Geometry.canonical(case.shape, data.preprocessing.spacing_mm)
        yield segmenter.label(Prepared(image, grid, 0.0)), truth


def _calibrate(model: Path, judged: Iterator[Judged], cases: int) -> None:
    """Calibrate; a model that cannot be calibrated is complete without it."""
    try:
        calibrate_model(model, judged, f"{cases} held-out cases of its training data")
    except AmcnetError as error:
        logger.warning("Dice is not predicted: %s", error)
