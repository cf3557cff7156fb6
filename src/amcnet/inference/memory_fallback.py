"""What is tried next when a device runs out of memory."""

import logging
from dataclasses import dataclass, replace

import torch

from amcnet.inference.sliding_windows import Windows

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fallback:
    """A device and window size that a volume is worked through with.

    Attributes:
        device: Where the network runs.
        slices: Slices of a window.
        together: Whether a window and its mirror image are one batch.
        again: Whether the volume was begun again after slices had been handed out.
    """

    device: torch.device
    slices: int
    together: bool = True
    again: bool = False


def next_fallback(tried: Fallback, windows: Windows, started: bool) -> Fallback | None:
    """Return what to try after a run out of memory, and log it; None if nothing is left.

    Args:
        tried: The fallback that ran out of memory.
        windows: The windows that were asked for.
        started: Whether slices have been handed out; windows keep their size then.
    """
    problem = f"out of memory on {tried.device} with windows of {tried.slices} slices"
    following = replace(tried, together=False)
    if started and not tried.again:
        _log.warning("%s in the middle of a volume: it is begun again", problem)
        return replace(following, again=True)
    if not started and windows.mirror and tried.together:
        _log.warning("%s: each and its mirror image run one by one; the labels stay", problem)
        return following
    if not started and tried.slices > windows.least_shape[0]:
        fewer = max(windows.least_shape[0], tried.slices // 2)
        _log.warning("%s: windows of %d instead; the labels differ a little", problem, fewer)
        return replace(following, slices=fewer)
    if tried.device.type == "cpu":
        return None
    slices = tried.slices if started else windows.slices
    _log.warning("%s: the CPU takes over with windows of %d, far slower", problem, slices)
    return replace(following, device=torch.device("cpu"), slices=slices)
