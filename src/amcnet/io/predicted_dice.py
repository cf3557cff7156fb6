"""Predicted Dice coefficients, as results and label files hold them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PredictedDice:
    """Predictions for the structures of a label map.

    Attributes:
        coefficients: Label value -> predicted Dice coefficient.
        named_below: A structure with a lower prediction needs a look.
    """

    coefficients: Mapping[int, float]
    named_below: float = 0.5
