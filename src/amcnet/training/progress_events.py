"""Report the progress of a run to a program, step by step."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from amcnet.training.task import SegmentationTask
from amcnet.training.training_config import ScheduleConfig

_LEAST_SECONDS = 1.0  # between two events, so that a fast run does not flood its reader


@dataclass(frozen=True)
class TrainingEvent:
    """Progress of a run after a step.

    Attributes:
        step: Completed steps, including those before a resumption.
        steps: Total number of steps, unless the time limit comes first.
        fraction: Completed share of the run, by steps or by time, whichever is larger.
        seconds_left: Estimated remaining time, None before the second step.
        loss: Loss of the step, None after a validation.
        dice: Mean Dice of the held-out windows, only after a validation.
    """

    step: int
    steps: int
    fraction: float
    seconds_left: float | None
    loss: float | None
    dice: float | None = None

    def to_json(self) -> dict[str, int | float | None]:
        """Return the event as a dictionary."""
        return asdict(self)


TrainingListener = Callable[[TrainingEvent], None]


@dataclass(frozen=True)
class Position:
    """Position of a run.

    Attributes:
        step: Completed steps, including those before a resumption.
        fraction: Completed share of the run.
        seconds: Training time, including that before a resumption.
    """

    step: int
    fraction: float
    seconds: float


class EventReporter:
    """Calls a listener after steps, at most once a second, and after each validation.

    Args:
        schedule: The run's schedule.
        listener: The listener.

    Example:
        >>> events = []
        >>> reporter = EventReporter(ScheduleConfig(steps=10), events.append)
        >>> reporter.after_step(Position(1, 0.1, 2.0), lambda: 0.7)
        >>> events[0].step, events[0].loss, events[0].seconds_left
        (1, 0.7, None)
    """

    def __init__(self, schedule: ScheduleConfig, listener: TrainingListener) -> None:
        self._schedule = schedule
        self._listener = listener
        self._first: tuple[float, int] | None = None
        self._told_at = float("-inf")

    def after_step(self, position: Position, loss: Callable[[], float | None]) -> None:
        """Report a step; ``loss`` is called only if the event is sent."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, position.step
        if now - self._told_at >= _LEAST_SECONDS:
            self._told_at = now
            self._tell(position, loss(), None)

    def after_validation(self, position: Position, dice: float) -> None:
        """Report a validation."""
        self._tell(position, None, dice)

    def _tell(self, position: Position, loss: float | None, dice: float | None) -> None:
        left = self._seconds_left(position)
        steps = self._schedule.steps
        self._listener(TrainingEvent(position.step, steps, position.fraction, left, loss, dice))

    def _seconds_left(self, position: Position) -> float | None:
        limits = []
        if self._schedule.max_hours is not None:
            limits.append(3600 * self._schedule.max_hours - position.seconds)
        if self._first is not None and position.step > self._first[1]:
            pace = (time.monotonic() - self._first[0]) / (position.step - self._first[1])
            limits.append(pace * (self._schedule.steps - position.step))
        return max(0.0, min(limits)) if limits else None


class StepEvents(Callback):
    """Reports the steps and validations of a network's training, in the first process.

    Args:
        schedule: The run's schedule.
        listener: The listener.
    """

    def __init__(self, schedule: ScheduleConfig, listener: TrainingListener) -> None:
        self._reporter = EventReporter(schedule, listener)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, *arguments: object
    ) -> None:
        """Report a step."""

        def loss() -> float | None:
            value = outputs["loss"] if isinstance(outputs, dict) else outputs
            return float(value.detach()) if isinstance(value, Tensor) else None

        if trainer.is_global_zero:
            self._reporter.after_step(_position(trainer, pl_module), loss)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report a validation."""
        dice = trainer.callback_metrics.get("dice")
        if dice is not None and trainer.is_global_zero:
            self._reporter.after_validation(_position(trainer, pl_module), float(dice))


def _position(trainer: Trainer, module: LightningModule) -> Position:
    task = cast(SegmentationTask, module)
    return Position(trainer.global_step, task.progress(), task.clock.seconds)
