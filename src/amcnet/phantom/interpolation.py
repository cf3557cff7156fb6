"""Linear interpolation of smooth fields that were computed on a coarser grid."""

import numpy as np
from numpy.typing import NDArray

from amcnet.phantom.solids import Field


def interpolate_axis(field: Field, axis: int, positions: NDArray[np.float64]) -> Field:
    """Sample a field linearly along one axis.

    Args:
        field: Array with at least two samples along the axis.
        axis: The axis.
        positions: Sampling positions, in samples of the field; beyond it, values are extrapolated
            linearly.
    """
    lower = np.clip(np.floor(positions).astype(int), 0, field.shape[axis] - 2)
    shape = [1] * field.ndim
    shape[axis] = len(positions)
    weight = (positions - lower).astype(np.float32).reshape(shape)
    below: Field = np.take(field, lower, axis=axis)
    above: Field = np.take(field, lower + 1, axis=axis)
    above -= below
    above *= weight
    above += below
    return above


def refine_last_axis(field: Field, factor: int, size: int) -> Field:
    """Sample a field linearly at every ``1 / factor`` of a sample along its last axis.

    Args:
        field: Array whose last axis holds more than ``(size - 1) / factor`` samples.
        factor: Number of output samples per input sample.
        size: Length of the last axis of the result.
    """
    intervals = -(-size // factor)
    low = field[..., :intervals]
    step = field[..., 1 : intervals + 1] - low
    fine = np.empty((*field.shape[:-1], intervals, factor), np.float32)
    for phase in range(factor):
        np.multiply(step, np.float32(phase / factor), out=fine[..., phase])
        fine[..., phase] += low
    refined: Field = fine.reshape(*field.shape[:-1], intervals * factor)[..., :size]
    return refined
