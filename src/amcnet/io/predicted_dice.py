"""Predicted Dice coefficients, as stored in results and label files."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PredictedDice:
    """Predictions for the structures of a label map.

    Attributes:
        coefficients: Label value -> predicted Dice coefficient.
        named_below: Structures with a lower prediction should be reviewed.
    """

    coefficients: Mapping[int, float]
    named_below: float = 0.5
