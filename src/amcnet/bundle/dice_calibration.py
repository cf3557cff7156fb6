"""The small model that predicts a structure's Dice coefficient: numbers that a bundle stores."""

from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Feature = Literal[
    "expected dice",
    "refined dice",
    "agreement",
    "thickness",
    "volume",
    "size",
    "growth",
    "fusion",
    "border",
    "neighbours",
    "hand",
]
"""What a prediction may rest on, see :func:`amcnet.quality.dice_features.dice_features`; every
feature is such that a larger value never means a smaller Dice coefficient."""

FEATURES: tuple[Feature, ...] = get_args(Feature)
REFINED_FEATURES: tuple[Feature, ...] = ("refined dice", "agreement")
"""Features that only exist where the labels were refined."""

Weight = Annotated[float, Field(ge=0)]


class DiceWeights(BaseModel):
    """A monotone model: the logistic function of a weighted sum of features.

    Attributes:
        intercept: Added to the sum.
        weights: Feature -> weight, not negative; features that are not listed do not count.
        named_below: The verdict names structures with a lower prediction. A prediction is a mean:
            of the structures with one a little above 0.5, many have a lower Dice coefficient.

    Example:
        >>> model = DiceWeights(intercept=0.0, weights={"agreement": 1.0})
        >>> row = np.zeros((1, len(FEATURES)))
        >>> row[0, FEATURES.index("agreement")] = np.log(3)
        >>> model.predict(row).round(3)
        array([0.75])
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    intercept: float
    weights: dict[Feature, Weight]
    named_below: float = Field(0.5, ge=0, le=1)

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the predicted Dice coefficients (structure,), in [0, 1].

        Args:
            features: (structure, feature), in the order of :data:`FEATURES`; NaN where a feature
                that has no weight is unknown.
        """
        total = np.full(len(features), self.intercept)
        for name, weight in self.weights.items():
            total += weight * features[:, FEATURES.index(name)]
        predicted: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(total, -30, 30)))
        return predicted


class DiceCalibration(BaseModel):
    """How a model's evidence on a structure becomes a predicted Dice coefficient.

    Attributes:
        data: What it was fitted to, for users to read.
        cases: Number of volumes.
        structures: Number of structures in them.
        first_stage: For labels of the first network alone.
        refined: For labels that the refiner has corrected; None for a model without one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: str
    cases: int = Field(ge=1)
    structures: int = Field(ge=1)
    first_stage: DiceWeights
    refined: DiceWeights | None = None

    def weights_for(self, refined: bool) -> DiceWeights:
        """Return the weights for labels that were refined, or were not."""
        return self.refined if refined and self.refined is not None else self.first_stage
