"""Voxels of which nothing is known, such as nnU-Net's label ``ignore`` marks them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError

_Labels = NDArray[np.integer[Any]]


def check_ignore_value(ignore_value: int | None, num_classes: int) -> None:
    """Refuse a value that is a structure's or the background's.

    Raises:
        InputError: If it is less than ``num_classes``.
    """
    if ignore_value is not None and ignore_value < num_classes:
        raise InputError(f"ignore_value is {ignore_value}, expected {num_classes} or more")


def without_ignored(labels: _Labels, reference: _Labels, ignore_value: int | None) -> _Labels:
    """Return labels that are background where the reference has the value.

    Args:
        labels: Integer labels of any shape.
        reference: Labels of the same shape; they may be the same array.
        ignore_value: The value; None for no such.

    Returns:
        The labels themselves where nothing is to be ignored, else a changed copy.
    """
    if ignore_value is None:
        return labels
    ignored = reference == ignore_value
    if not ignored.any():
        return labels
    kept = labels.copy()
    kept[ignored] = 0
    return kept
