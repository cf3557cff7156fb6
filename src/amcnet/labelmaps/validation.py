"""Checks of what callers pass in, shared by the metrics and the measurements."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError


def checked_spacing_mm(spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return the spacing as an array (3,) of float64.

    Raises:
        InputError: If it is not three positive, finite numbers.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not np.all(np.isfinite(spacing)) or not np.all(spacing > 0):
        raise InputError(
            f"spacing_mm is {spacing.tolist()}, expected three positive numbers "
            "(scan, lateral, depth)"
        )
    return spacing


def check_label_volume(labels: NDArray[Any], what: str) -> None:
    """Refuse anything but a three-dimensional integer array; ``what`` names it in the message.

    Raises:
        InputError: If the array has another number of axes or another kind of values.
    """
    if labels.ndim != 3:
        raise InputError(f"{what} has the shape {labels.shape}, expected (scan, lateral, depth)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{what} holds values of type {labels.dtype}, expected integers")


def check_shapes(reference: NDArray[Any], prediction: NDArray[Any]) -> None:
    """Refuse a prediction of another shape.

    Raises:
        InputError: If the shapes differ, or the arrays have no axes.
    """
    if reference.shape != prediction.shape or reference.ndim == 0:
        raise InputError(
            f"prediction has the shape {prediction.shape}, "
            f"expected that of the reference, {reference.shape}"
        )


def check_label_range(labels: NDArray[np.integer[Any]], what: str, num_classes: int) -> None:
    """Refuse labels outside 0 to ``num_classes - 1``; ``what`` names the array in the message.

    Raises:
        InputError: If there is such a label.
    """
    smallest, largest = int(labels.min(initial=0)), int(labels.max(initial=0))
    if smallest < 0 or largest >= num_classes:
        wrong = smallest if smallest < 0 else largest
        raise InputError(f"{what} holds the label {wrong}, expected 0 to {num_classes - 1}")
