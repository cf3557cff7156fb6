"""Slide the window along the scan axis and yield the logits of each slice once they are final.

At any time, only three parts of the logits exist: one window, its overlap with the next one, and
the window that is being computed.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.sliding_windows import (
    UNMOVED,
    IntTriple,
    Windows,
    window_starts,
    window_weights,
)

Window = NDArray[np.float32]
LogitsOf = Callable[[Window], Window]
Item = TypeVar("Item")

SURE = 20.0  # logit of the background where there is no image
_CONTRAST = 1e-5  # of a normalised image: resampling a constant one leaves rounding errors


def stream_logits(
    image: Window, windows: Windows, classes: int, logits_of: LogitsOf
) -> Iterator[Window]:
    """Yield the blended logits of every slice, in order.

    Overlapping windows are blended with Gaussian weights. A window without contrast is background;
    the network does not run on it.

    Args:
        image: (channel, scan, lateral, depth) on the network's grid. Its border is repeated if it
            is smaller than a window.
        windows: Size and overlap of the windows.
        classes: Number of classes.
        logits_of: Turns a window (channel, scan, lateral, depth) into logits (class, scan, lateral,
            depth). It may overwrite its result in the next call, or, if windows are computed ahead
            and not averaged, in the call after that.

    Yields:
        float32 logits (class, lateral, depth), slice by slice.
    """
    length, lateral, depth = image.shape[1:]
    image = _pad_to(image, (windows.slices, *windows.least_shape[1:]))
    starts = window_starts(image.shape[1], windows.slices, windows.overlap)
    weights = window_weights(starts, windows.slices)
    if windows.shifts != (UNMOVED,):
        logits_of = shifted(logits_of, windows)
    if windows.mirror:
        logits_of = mirrored(logits_of)

    def computed() -> Iterator[Window]:
        for start in starts:
            window = np.ascontiguousarray(image[:, start : start + windows.slices])
            yield logits_of(window) if has_contrast(window) else background(classes, window)

    pending: dict[int, Window] = {}  # overlap with the next window
    results = run_ahead(computed()) if windows.ahead else computed()
    following = [*starts[1:], length]
    for start, end, weight, logits in zip(starts, following, weights, results, strict=True):
        for offset in range(windows.slices):
            position = start + offset
            part = logits[:, offset] * weight[offset]
            if position in pending:
                part += pending.pop(position)
            if position >= end:
                pending[position] = part
            elif position < length:
                yield part[:, :lateral, :depth]


def network_runs(length: int, windows: Windows) -> int:
    """Return the maximum number of network runs for a volume of ``length`` slices."""
    padded = max(length, windows.slices)
    starts = window_starts(padded, windows.slices, windows.overlap)
    return len(starts) * len(windows.shifts) * (2 if windows.mirror else 1)


def has_contrast(window: Window) -> bool:
    """Return whether any channel of a window (channel, ...) varies by more than rounding."""
    flat = window.reshape(len(window), -1)
    return bool((flat.max(axis=1) - flat.min(axis=1) > _CONTRAST).any())


def background(classes: int, window: Window) -> Window:
    """Return the logits (class, ...) of pure background for a window (channel, ...)."""
    logits = np.zeros((classes, *window.shape[1:]), np.float32)
    logits[0] = SURE
    return logits


def mirrored(logits_of: LogitsOf) -> LogitsOf:
    """Wrap a network to average its result with that of the lateral mirror image."""

    def both(window: Window) -> Window:
        mean = logits_of(window).copy()
        mean += logits_of(np.ascontiguousarray(window[:, :, ::-1]))[:, :, ::-1]
        mean *= np.float32(0.5)
        return mean

    return both


def shifted(logits_of: LogitsOf, windows: Windows) -> LogitsOf:
    """Wrap a network to average its results over shifts of the window.

    A window is shifted by repeating its borders: the near one by the shift, the far one by the
    remainder of the largest shift, so all inputs have the same shape.
    """

    def mean_of_all(window: Window) -> Window:
        first, *others = windows.views
        total = moved(window, *first).copy()
        for view in others:
            total += moved(window, *view)
        total /= np.float32(len(windows.shifts))
        return total

    def moved(window: Window, shift: IntTriple, reverse: bool) -> Window:
        borders = [(near, far - near) for near, far in zip(shift, windows.furthest, strict=True)]
        inside = (
            slice(near, near + size) for near, size in zip(shift, window.shape[1:], strict=True)
        )
        padded = np.pad(window, [(0, 0), *borders], mode="edge")
        if reverse:
            logits = logits_of(np.ascontiguousarray(padded[:, ::-1]))[:, ::-1]
        else:
            logits = logits_of(padded)
        return logits[(slice(None), *inside)]

    return mean_of_all


def run_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items that a background thread computes one ahead."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _pad_to(image: Window, smallest: tuple[int, int, int]) -> Window:
    """Repeat the far border of axes that are too short."""
    missing = [(0, max(0, size - n)) for n, size in zip(image.shape[1:], smallest, strict=True)]
    if not any(after for _, after in missing):
        return image
    return np.pad(image, [(0, 0), *missing], mode="edge")
