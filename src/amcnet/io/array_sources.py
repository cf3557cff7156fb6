"""Arrays from whatever holds one: NumPy, PyTorch, nested sequences."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOGITS_HINT = "; are these the logits or probabilities of a network, or several channels?"
"""Added to a message about an array of four axes or more."""


def array_of(source: Any) -> NDArray[Any]:  # noqa: ANN401  anything that holds voxels
    """Return the voxels of an array, a tensor or nested sequences.

    Args:
        source: A NumPy array, which is returned as it is; a PyTorch tensor on any device; or
            anything that NumPy accepts.

    Example:
        >>> array_of([[0, 1], [2, 0]]).shape
        (2, 2)
    """
    if isinstance(source, np.ndarray):
        return source
    if hasattr(source, "detach"):
        return _of_tensor(source)
    return np.asarray(source)


def _of_tensor(tensor: Any) -> NDArray[Any]:  # noqa: ANN401
    here = tensor.detach().cpu()
    try:
        return np.asarray(here)
    except TypeError:  # NumPy has no bfloat16
        return np.asarray(here.float())
