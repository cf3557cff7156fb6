"""Fit the weights that turn features into a predicted Dice coefficient."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from amcnet.bundle.dice_calibration import (
    FEATURES,
    REFINED_FEATURES,
    DiceCalibration,
    DiceWeights,
    Feature,
)

FEWEST_STRUCTURES = 60
"""With fewer structures of known true Dice coefficient, nothing is fitted."""

_LOW = 0.5
_FALSE_ALARMS = 0.05  # share of the structures that are not low
_ENOUGH_NAMED = 0.95  # share of the low ones: beyond it, more false alarms are not worth it
_RIDGE = 0.3  # weight of the prior, as a number of structures for each feature
_SAME_SCALE = 1e-6


def fit_calibration(
    features: NDArray[np.float64], dice: NDArray[np.float64], data: str, cases: int
) -> DiceCalibration:
    """Fit a calibration for refined labels, if available, and one without the refiner's values.

    Args:
        features: (structure, feature), in the order of
            :data:`amcnet.bundle.dice_calibration.FEATURES`.
        dice: (structure,) true Dice coefficients.
        data: Description of the data, for users.
        cases: Number of volumes that the structures come from.
    """
    first_stage = [name for name in FEATURES if name not in REFINED_FEATURES]
    is_refined = bool(np.isfinite(features).all())
    return DiceCalibration(
        data=data,
        cases=cases,
        structures=len(dice),
        first_stage=fit_weights(features, dice, first_stage),
        refined=fit_weights(features, dice, FEATURES) if is_refined else None,
    )


def fit_weights(
    features: NDArray[np.float64],
    dice: NDArray[np.float64],
    names: Collection[Feature] = FEATURES,
) -> DiceWeights:
    """Fit non-negative weights by logistic regression on Dice coefficients as fractions.

    A coefficient of 0.7 counts as seven successes in ten, so that predictions are means (Papke and
    Wooldridge, 1996). With few structures, weights stay near 0: the mean is predicted for all.

    Args:
        features: (structure, feature); the named ones are finite.
        dice: (structure,) in [0, 1].
        names: Features that may have a weight.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> features = rng.normal(size=(500, len(FEATURES)))
        >>> dice = 1 / (1 + np.exp(-features[:, FEATURES.index("agreement")]))
        >>> weights = fit_weights(features, dice).weights
        >>> max(weights, key=weights.get)
        'agreement'
    """
    columns = [FEATURES.index(name) for name in FEATURES if name in names]
    chosen = features[:, columns]
    centre, spread = chosen.mean(axis=0), chosen.std(axis=0)
    varies = spread > _SAME_SCALE
    scaled = np.where(varies, (chosen - centre) / np.where(varies, spread, 1.0), 0.0)

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total = scaled @ parameters[1:] + parameters[0]
        loss = np.logaddexp(0, total).sum() - dice @ total
        loss += 0.5 * _RIDGE * parameters[1:] @ parameters[1:]
        error = 1 / (1 + np.exp(-total)) - dice
        gradient = np.concatenate([[error.sum()], scaled.T @ error + _RIDGE * parameters[1:]])
        return float(loss), gradient

    bounds = [(None, None), *[(0.0, None) for _ in columns]]
    mean = np.clip(dice.mean(), 0.01, 0.99)
    start = np.concatenate([[np.log(mean / (1 - mean))], np.zeros(len(columns))])
    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = np.where(varies, found[1:] / np.where(varies, spread, 1.0), 0.0)
    model = DiceWeights(
        intercept=round(float(found[0] - weights @ centre), 5),
        weights={
            FEATURES[column]: round(float(weight), 5)
            for column, weight in zip(columns, weights, strict=True)
            if weight > 0
        },
    )
    limit = _limit(model.predict(features), dice)
    return model.model_copy(update={"named_below": round(limit, 3)})


def _limit(predicted: NDArray[np.float64], dice: NDArray[np.float64]) -> float:
    """Return the prediction below which a structure is reported."""
    low = dice < _LOW
    if low.all() or not low.any():
        return _LOW
    few_alarms = np.quantile(predicted[~low], _FALSE_ALARMS)
    enough = np.quantile(predicted[low], _ENOUGH_NAMED)
    return max(_LOW, float(min(few_alarms, enough)))
