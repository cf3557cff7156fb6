"""Sliding along the scan axis: each slice's logits as soon as they are final.

Only one window of logits is held at any time.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float32]

_MIN_PLANE = 16  # the network pools the plane by two four times
_SIGMA = 0.25  # of the window; slices at its ends have seen less of the hand and count less


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Return the first slices of the windows that cover a volume, evenly spaced."""
    last = max(0, length - window)
    stride = max(1, int(window * (1 - overlap)))
    count = -(-last // stride) + 1
    return [round(float(start)) for start in np.linspace(0, last, count)]


def stream_logits(
    image: Window, window: int, overlap: float, logits_of: Callable[[Window], Window]
) -> Iterator[Window]:
    """Yield the blended logits of every slice, in order.

    Overlapping windows are blended with Gaussian weights.

    Args:
        image: (channel, scan, lateral, depth) on the network's grid. Where it is smaller than a
            window its border is repeated.
        window: Slices of a window.
        overlap: Share of a window that the next one covers too, in [0, 1).
        logits_of: Turns a window (channel, scan, lateral, depth) into logits
            (class, scan, lateral, depth).

    Yields:
        float32 logits (class, lateral, depth), one slice after the other.
    """
    length, lateral, depth = image.shape[1:]
    image = _pad_to(image, (window, _MIN_PLANE, _MIN_PLANE))
    starts = window_starts(image.shape[1], window, overlap)
    weights = _gaussian(window)
    total = np.zeros(window, np.float32)
    blended: Window | None = None
    for start, following in zip(starts, [*starts[1:], image.shape[1]], strict=True):
        logits = logits_of(np.ascontiguousarray(image[:, start : start + window]))
        logits = logits.swapaxes(0, 1) * weights[:, None, None, None]
        blended = logits if blended is None else blended + logits
        total += weights
        final = min(following, length) - start
        for index in range(min(final, window)):
            yield blended[index, :, :lateral, :depth] / total[index]
        blended, total = _advance(blended, following - start), _advance(total, following - start)


def _pad_to(image: Window, smallest: tuple[int, int, int]) -> Window:
    """Repeat the far border of axes that are too short."""
    missing = [(0, max(0, size - n)) for n, size in zip(image.shape[1:], smallest, strict=True)]
    if not any(after for _, after in missing):
        return image
    return np.pad(image, [(0, 0), *missing], mode="edge")


def _advance(values: Window, steps: int) -> Window:
    """Drop the first slices and put zeros behind the last."""
    advanced = np.zeros_like(values)
    advanced[: max(0, len(values) - steps)] = values[steps:]
    return advanced


def _gaussian(window: int) -> Window:
    offsets = np.arange(window) - (window - 1) / 2
    weights: Window = np.exp(-0.5 * (offsets / (_SIGMA * window)) ** 2).astype(np.float32)
    return weights
