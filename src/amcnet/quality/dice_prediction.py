"""Predicted Dice coefficients of structures, and the finding on low ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.bundle.dice_calibration import DiceWeights
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.io.predicted_dice import PredictedDice
from amcnet.quality.dice_features import dice_features
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.observation import Observation
from amcnet.quality.size_checks import Sizes

_MOST = 0.5  # share of the structures; if more have a low prediction, the segmentation is bad


@dataclass(frozen=True)
class DiceEvidence:
    """The basis of predicted Dice coefficients.

    Attributes:
        structures: Label value -> evidence from the networks.
        weights: Weights of the prediction.
    """

    structures: Mapping[int, StructureEvidence]
    weights: DiceWeights


def predict_dice(seen: Observation, sizes: Sizes, evidence: DiceEvidence) -> PredictedDice:
    """Return the predicted Dice coefficients of the structures that are present.

    Args:
        seen: The structures.
        sizes: Their sizes relative to the hand; empty for other tables.
        evidence: The evidence from the networks, and the weights.
    """
    features = dice_features(seen, sizes, evidence.structures)
    limit = evidence.weights.named_below
    if not features:
        return PredictedDice({}, limit)
    predicted = evidence.weights.predict(np.stack(list(features.values())))
    return PredictedDice(dict(zip(features, predicted.tolist(), strict=True)), limit)


def prediction_findings(predicted: PredictedDice, table: LabelTable) -> list[Finding]:
    """Return one finding that names all structures with a low prediction, the lowest first."""
    coefficients = predicted.coefficients
    low = sorted((d, value) for value, d in coefficients.items() if d < predicted.named_below)
    if not low:
        return []
    severity = Severity.BAD if len(low) > _MOST * len(coefficients) else Severity.LOOK
    names = ", ".join(f"{table[value].name} (predicted Dice {dice:.2f})" for dice, value in low)
    message = f"low confidence: {names}"
    reasons = {value: f"low confidence (predicted Dice {dice:.2f})" for dice, value in low}
    return [Finding("prediction", severity, tuple(reasons), message, reasons=reasons)]
