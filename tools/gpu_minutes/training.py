"""A training loop against the clock: bfloat16 on a GPU, weights on disk at intervals."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from amcnet.io import atomic_path

_WARMUP = 0.05  # share of the time until the highest learning rate is reached
_CLIP = 1.0
_CURVE_STEPS = 20  # steps whose mean loss is one point of the curve

Step = Callable[[int], Tensor]
"""Returns the loss of a step, given its number."""


@dataclass
class Run:
    """The result of a stage.

    Attributes:
        steps: Number of steps.
        skipped: Number of steps whose gradients were not finite.
        seconds: Time of these steps.
        losses: Mean loss of every few steps.
    """

    steps: int = 0
    skipped: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def train_against_the_clock(
    modules: nn.Module,
    step: Step,
    seconds: float,
    rate: float,
    keep: Callable[[], None],
    save_seconds: float,
    decays: bool = True,
) -> Run:
    """Train until the time is over.

    Args:
        modules: All parameters to train.
        step: Returns the loss of a step.
        seconds: The time; at least one step is taken.
        rate: Highest learning rate of Adam; it decays to 0 as a cosine.
        keep: Writes the weights; called every ``save_seconds`` and at the end.
        save_seconds: Time between two copies.
        decays: Whether the learning rate has a warm-up and a decay.
    """
    optimiser = torch.optim.Adam(modules.parameters(), lr=rate)
    device = next(modules.parameters()).device
    run, recent = Run(), []
    began = saved = time.monotonic()
    progress = 0.0
    while run.steps == 0 or progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * (_curve(progress) if decays else 1.0)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = step(run.steps)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(modules.parameters(), _CLIP)
        run.steps += 1
        if torch.isfinite(norm):
            optimiser.step()
        else:
            run.skipped += 1
        recent.append(loss.detach())
        if len(recent) == _CURVE_STEPS:
            run.losses.append(_mean(recent))
            recent.clear()
        if time.monotonic() - saved > save_seconds:
            keep()
            saved = time.monotonic()
        run.seconds = time.monotonic() - began
        progress = run.seconds / max(seconds, 1e-9)
    if recent:
        run.losses.append(_mean(recent))
    keep()
    return run


def _mean(losses: list[Tensor]) -> float:
    return round(float(torch.stack(losses).float().mean()), 4)


def _curve(progress: float) -> float:
    return min(1.0, progress / _WARMUP + 0.02) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def write_weights(network: nn.Module, path: Path) -> None:
    """Write the weights in 16 bits; the file is replaced when it is complete."""
    weights = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    half = {name: v.half() if v.is_floating_point() else v for name, v in weights.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(half))
