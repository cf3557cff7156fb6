"""Fit a model's predicted Dice coefficients to volumes whose truth is known."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import record_calibration
from amcnet.inference import Segmentation
from amcnet.quality.dice_fitting import FEWEST_STRUCTURES, fit_calibration
from amcnet.quality.dice_judging import judge_structures

logger = logging.getLogger(__name__)

Judged = tuple[Segmentation, NDArray[np.integer[Any]]]
"""Labels that a model found in a volume, and the truth on the same grid."""


def calibrate_model(model: Path, judged: Iterable[Judged], data: str) -> bool:
    """Fit the predictions of a model and record them in its bundle.

    Args:
        model: Folder of the bundle.
        judged: Results of this model, with the truth; on volumes that it was not trained on.
        data: Description of the volumes, for users.

    Returns:
        Whether there were enough structures; if not, the model is not changed.

    Raises:
        ModelError: If the bundle is damaged.
        OutputError: If the description cannot be written.
    """
    volumes = [
        judge_structures(found.labels, truth, found.spacing_mm, found.table, found.evidence)
        for found, truth in judged
    ]
    count = sum(len(one.dice) for one in volumes)
    if count < FEWEST_STRUCTURES:
        logger.info(
            "Dice is not predicted: found %d structures in %d volumes, expected at least %d",
            count,
            len(volumes),
            FEWEST_STRUCTURES,
        )
        return False
    features = np.concatenate([one.features for one in volumes])
    dice = np.concatenate([one.dice for one in volumes])
    record_calibration(model, fit_calibration(features, dice, data, len(volumes)))
    logger.info("Dice is predicted, calibrated on %d structures of %s", count, data)
    return True
