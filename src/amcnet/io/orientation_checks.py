"""Numbers of a file's orientation, before SimpleITK may see them."""

import math
from collections.abc import Iterable

# Its singular value decomposition never ends with 1e308, and prints to the terminal with 1e-41.
_LEAST, _MOST = 1e-30, 1e6


def are_usable(values: Iterable[float]) -> bool:
    """Return whether numbers can be part of axes in space, as cosines or as lengths in mm."""
    return all(value == 0 or _LEAST <= math.fabs(value) <= _MOST for value in values)
