"""Turn colours into intensities."""

import logging
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, count_text, one_line

Colour = Literal["luma", "refuse"]

# Lossy codecs store brightness and colour separately: grey pixels come back slightly tinted.
_LOSSY_TOLERANCE = 0.06  # as a fraction of the range of values
_RGB_CHANNELS = (3, 4)  # the fourth channel is opacity
_WEIGHTS = (299, 587, 114)  # in thousandths, ITU-R BT.601

_log = logging.getLogger(__name__)


def coloured_pixels(frame: NDArray[Any], lossy: bool) -> NDArray[np.bool_]:
    """Return which pixels of a frame (row, column, channel) have unequal channels.

    Args:
        frame: The frame, of unsigned integers.
        lossy: Whether it was compressed lossily; slight tints then count as grey.
    """
    low, high = frame.min(axis=-1), frame.max(axis=-1)
    if not lossy:
        different: NDArray[np.bool_] = low != high
        return different
    limit = int(_LOSSY_TOLERANCE * np.iinfo(frame.dtype).max)
    tinted: NDArray[np.bool_] = high - low > limit
    return tinted


def luma(frame: NDArray[Any]) -> NDArray[Any]:
    """Return the luma (ITU-R BT.601) of an RGB frame in its dtype; grey pixels keep their value.

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
    """Check the value of the ``colour`` option.

    Raises:
        InputError: If it is neither ``luma`` nor ``refuse``.
    """
    if colour not in ("luma", "refuse"):
        raise InputError(f"colour is '{colour}', expected 'luma' or 'refuse'")


def grey_voxels(stored: NDArray[Any], name: str, colour: Colour | None) -> NDArray[Any]:
    """Return the intensities of stored voxels that may have channels.

    Args:
        stored: Voxels, (z, y, x, channel). Equal channels count as grey; three different ones, or
            four, are interpreted as red, green, blue (and opacity) if they are unsigned integers.
        name: Name of the volume in the log.
        colour: ``luma`` turns colours into intensities and reports it in the log, ``refuse``
            refuses them; None: the channels cannot be colours, and must not differ.

    Returns:
        Intensities, (z, y, x), in the dtype of the channels.

    Raises:
        InputError: If the channels differ and are not colours, or colours are refused. The text has
            no path.
    """
    channels = stored.shape[3]
    tinted = 0
    for plane in stored:  # plane by plane, to avoid a copy of the volume
        if channels > 1:
            seen = plane[..., :3] if channels in _RGB_CHANNELS else plane
            tinted += int((seen != seen[..., :1]).any(axis=-1).sum())
    first: NDArray[Any] = stored[..., 0]
    if not tinted:
        return first
    if colour is None or channels not in _RGB_CHANNELS or stored.dtype.kind != "u":
        raise InputError(f"voxels have {channels} different channels, expected a grey image")
    if colour == "refuse":
        raise InputError(f"found colours in {count_text(tinted, 'voxel')}, expected a grey image")
    _log.warning(
        "%s: %d voxels had colour, their luma is used (refuse colours with --colour refuse)",
        one_line(name),
        tinted,
    )
    grey = np.empty(first.shape, first.dtype)
    for target, plane in zip(grey, stored, strict=True):
        target[...] = luma(plane[..., :3])
    return grey
