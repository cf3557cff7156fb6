"""Quality of predicted Dice coefficients: metrics, a table and a reliability plot."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

LOW, GOOD = 0.5, 0.8
_BINS = 8
_COLOR = "#0072b2"


def prediction_scores(predicted: Floats, dice: Floats, limit: float) -> dict[str, Any]:
    """Compare predictions with the truth, structure by structure.

    Args:
        predicted: (structure,) predicted Dice coefficients.
        dice: (structure,) true Dice coefficients.
        limit: Structures with a lower prediction are named.
    """
    low, told = dice < LOW, predicted < limit
    return {
        "structures": len(dice),
        "low": int(low.sum()),
        "auc": area_under_curve(-predicted, low),
        "low_told": _share(told, low),
        "false_alarms": _share(told, ~low),
        "false_alarms_good": _share(told, dice >= GOOD),
        "mean_error": float(np.abs(predicted - dice).mean()),
        "bias": float((predicted - dice).mean()),
        "correlation": float(np.corrcoef(predicted, dice)[0, 1]),
        "reliability": reliability(predicted, dice),
    }


def area_under_curve(score: Floats, is_positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive case has a higher score than a negative one.

    Example:
        >>> area_under_curve(np.array([1.0, 2.0, 3.0]), np.array([False, False, True]))
        1.0
    """
    positives = int(is_positive.sum())
    pairs = positives * (len(score) - positives)
    if not pairs:
        return float("nan")
    above = rankdata(score)[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / pairs)


def reliability(predicted: Floats, dice: Floats) -> list[dict[str, float]]:
    """Return the mean prediction and the mean truth of structures with similar predictions.

    Every bin has the same number of structures.
    """
    order = np.argsort(predicted, kind="stable")
    return [
        {
            "predicted": float(predicted[part].mean()),
            "dice": float(dice[part].mean()),
            "low": float((dice[part] < LOW).mean()),
            "structures": len(part),
        }
        for part in np.array_split(order, min(_BINS, len(order)))
    ]


def _share(told: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(told[among].mean()) if among.any() else float("nan")


def reliability_picture(path: Path, predicted: Floats, dice: Floats) -> None:
    """Draw every structure, and the means of structures with similar predictions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    axes = figure.add_subplot(aspect="equal", xlim=(0, 1), ylim=(0, 1))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.axvline(LOW, color="0.8", linewidth=1)
    axes.axhline(LOW, color="0.8", linewidth=1)
    axes.plot(predicted, dice, ".", color=_COLOR, alpha=0.25, markersize=4, label="a structure")
    bins = reliability(predicted, dice)
    means = [[row[key] for row in bins] for key in ("predicted", "dice")]
    axes.plot(*means, "o-", color="#d55e00", label=f"mean of {len(dice) // len(bins)} structures")
    axes.set(xlabel="predicted Dice", ylabel="true Dice")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=120)
