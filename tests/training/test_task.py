from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amcnet.errors import TrainingError
from amcnet.training import read_config
from amcnet.training.task import SegmentationTask

from .conftest import TABLE


def bad_step(task: SegmentationTask, optimiser: torch.optim.Optimizer) -> None:
    for parameter in task.parameters():
        parameter.grad = torch.full_like(parameter, 0.1)
    next(task.parameters()).grad[0] = float("nan")
    task.on_before_optimizer_step(optimiser)
    optimiser.step()


def test_non_finite_gradients_change_nothing_and_are_counted(
    write_config: Callable[..., Path],
) -> None:
    task = SegmentationTask(read_config(write_config(10)), TABLE)
    optimiser = task.configure_optimizers()
    before = [p.detach().clone() for p in task.parameters()]
    bad_step(task, optimiser)
    assert task.skipped_steps == 1
    assert all(torch.equal(a, b) for a, b in zip(before, task.parameters(), strict=True))


def test_too_many_of_them_end_the_run(write_config: Callable[..., Path]) -> None:
    task = SegmentationTask(read_config(write_config(10)), TABLE)
    optimiser = task.configure_optimizers()
    bad_step(task, optimiser)
    bad_step(task, optimiser)
    with pytest.raises(TrainingError, match=r"3 of 1 steps .*at most 1%: try precision"):
        bad_step(task, optimiser)
