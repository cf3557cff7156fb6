"""Plan a network's size for the available time and machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from amcnet.data.training_plan import PlanBudget
from amcnet.errors import ConfigError, count_text

USEFUL_STEPS = 1500
FEW_STEPS = 200

_FLOP_PER_VOXEL = 48_600 / 8**2  # forward, width 1: 102 GFLOP for 16 x 512 x 256 at width 8
_PASSES = 3  # forward, and twice as much backward
_OVERHEAD = 2  # normalisation, pooling, optimiser and reading take as long as convolutions
_SECONDS_TO_MEASURE = 0.3


@dataclass(frozen=True)
class NetworkSize:
    """Size of a training step.

    Attributes:
        width: Channels of the network's first stage.
        budget: Voxels of a window.
    """

    width: int
    budget: PlanBudget


# From the size that a laptop can train in a night, downwards.
SIZES = tuple(
    NetworkSize(width, PlanBudget(voxels))
    for width, voxels in ((16, 2**21), (16, 2**20), (16, 2**19), (8, 2**19), (8, 2**18), (8, 2**17))
)


@dataclass(frozen=True)
class TimePlan:
    """The size that fits the time.

    Attributes:
        size: The size.
        seconds_per_step: Estimated time of a training step.
        steps: Number of steps that fit into the time.
        reasons: One sentence for each decision, with its figures.
    """

    size: NetworkSize
    seconds_per_step: float
    steps: int
    reasons: tuple[str, ...]


def plan_for_time(
    hours: float, flop_per_second: float, window_voxels: Callable[[PlanBudget], int]
) -> TimePlan:
    """Choose the largest size that leaves time for enough steps, or else the smallest.

    Args:
        hours: Time for training.
        flop_per_second: Speed of the machine, see :func:`measure_speed`.
        window_voxels: Returns the number of voxels of a window planned for a budget.

    Raises:
        ConfigError: If the time is not positive.

    >>> plan = plan_for_time(8, 20e9, lambda budget: budget.voxels)
    >>> plan.size.width, plan.steps >= USEFUL_STEPS
    (8, True)
    """
    if not 0 < hours < float("inf"):
        raise ConfigError(f"time: found {hours} hours, expected more than 0")
    for size in SIZES:
        voxels = window_voxels(size.budget)
        flop = _FLOP_PER_VOXEL * size.width**2 * voxels * _PASSES * _OVERHEAD
        seconds = flop / flop_per_second
        steps = int(3600 * hours / seconds)
        if steps >= USEFUL_STEPS:
            break
    reasons = [
        f"a training step on {voxels} voxels at width {size.width} takes about {seconds:.2g} s, "
        f"estimated from this machine's {flop_per_second / 1e9:.3g} GFLOP/s: {hours:g} hours are "
        f"enough for {count_text(steps, 'step')}"
    ]
    if size != SIZES[0]:
        reasons.append(
            f"width and window are smaller than the default (width {SIZES[0].width}), so that "
            f"the time allows {USEFUL_STEPS} steps or comes closer to them"
        )
    if steps < FEW_STEPS:
        reasons.append(
            f"beware: {steps} steps are too few to learn much, expected {FEW_STEPS} or more: "
            "give more time (--max-time), a coarser grid (--grid) or a model to start from "
            "(--from)"
        )
    return TimePlan(size, seconds, steps, tuple(reasons))


def measure_speed() -> float:
    """Return the floating-point operations per second of training convolutions on this machine.

    Uses the first GPU if there is one, else PyTorch's number of threads.
    """
    import torch
    from torch import nn

    channels, size = 16, 40
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layer = nn.Conv3d(channels, channels, 3, padding=1).to(device)
    image = torch.zeros(1, channels, size, size, size, device=device, requires_grad=True)
    flop = 2 * 27 * channels**2 * size**3 * _PASSES

    def run() -> None:
        layer(image).sum().backward()
        if device == "cuda":
            torch.cuda.synchronize()

    run()  # the first one allocates memory and chooses kernels
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < _SECONDS_TO_MEASURE or count < 2:
        run()
        count += 1
    return count * flop / passed
