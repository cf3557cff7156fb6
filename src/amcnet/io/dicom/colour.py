"""Turn colour frames into intensities."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError

Colour = Literal["luma", "refuse"]

# Lossy codecs store brightness and colour apart: what was grey comes back with slight tints.
_LOSSY_TOLERANCE = 0.06  # of the range of values
_WEIGHTS = (299, 587, 114)  # in thousandths, ITU-R BT.601


def coloured_pixels(frame: NDArray[Any], lossy: bool) -> NDArray[np.bool_]:
    """Return which pixels of a frame (row, column, channel) have unequal channels.

    Args:
        frame: The frame, of unsigned integers.
        lossy: Whether it was compressed with losses; slight tints then count as grey.
    """
    low, high = frame.min(axis=-1), frame.max(axis=-1)
    if not lossy:
        different: NDArray[np.bool_] = low != high
        return different
    limit = int(_LOSSY_TOLERANCE * np.iinfo(frame.dtype).max)
    tinted: NDArray[np.bool_] = high - low > limit
    return tinted


def luma(frame: NDArray[Any]) -> NDArray[Any]:
    """Return the luma (ITU-R BT.601) of an RGB frame in its own type; grey pixels keep their value.

    Args:
        frame: (row, column, 3), unsigned integers.

    Example:
        >>> luma(np.array([[[255, 0, 0], [7, 7, 7]]], np.uint8)).tolist()
        [[76, 7]]
    """
    total = np.full(frame.shape[:2], 500, np.uint64)
    for channel, weight in enumerate(_WEIGHTS):
        total += frame[..., channel].astype(np.uint64) * np.uint64(weight)
    return (total // 1000).astype(frame.dtype)


def check_colour(colour: str) -> None:
    """Check a choice of what is done with colours.

    Raises:
        InputError: If it is neither ``luma`` nor ``refuse``.
    """
    if colour not in ("luma", "refuse"):
        raise InputError(f"colour is '{colour}', expected 'luma' or 'refuse'")
