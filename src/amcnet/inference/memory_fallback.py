"""Fallbacks when a device runs out of memory: smaller batches, smaller windows, the CPU."""

import logging
from dataclasses import dataclass, replace

import torch

from amcnet.errors import count_text
from amcnet.inference.sliding_windows import Windows

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fallback:
    """Device and window size of one attempt at a volume.

    Attributes:
        device: Device on which the network runs.
        slices: Slices of a window.
        together: Whether a window and its mirror image form one batch.
        again: Whether the volume was restarted after slices had been yielded.
    """

    device: torch.device
    slices: int
    together: bool = True
    again: bool = False


def next_fallback(tried: Fallback, windows: Windows, started: bool) -> Fallback | None:
    """Return and log the next attempt after running out of memory; None if none is left.

    Args:
        tried: The attempt that ran out of memory.
        windows: The requested windows.
        started: Whether slices have been yielded; the window size then stays the same.
    """
    problem = f"out of memory on {tried.device} with windows of {count_text(tried.slices, 'slice')}"
    following = replace(tried, together=False)
    if started and not tried.again:
        _log.warning("%s in the middle of a volume: starting again", problem)
        return replace(following, again=True)
    if not started and windows.mirror and tried.together:
        _log.warning(
            "%s: running each window and its mirror image separately; the labels do not change",
            problem,
        )
        return following
    if not started and tried.slices > windows.least_shape[0]:
        fewer = max(windows.least_shape[0], tried.slices // 2)
        _log.warning("%s: using windows of %d; the labels differ slightly", problem, fewer)
        return replace(following, slices=fewer)
    if tried.device.type == "cpu":
        return None
    slices = tried.slices if started else windows.slices
    _log.warning(
        "%s: continuing on the CPU with windows of %d, which is much slower", problem, slices
    )
    return replace(following, device=torch.device("cpu"), slices=slices)
