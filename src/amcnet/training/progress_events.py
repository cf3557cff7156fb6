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


class StepEvents(Callback):
    """Calls a listener after steps, at most once a second, and after each validation.

    Args:
        schedule: The run's schedule.
        listener: Called in the first process.
    """

    def __init__(self, schedule: ScheduleConfig, listener: TrainingListener) -> None:
        self.schedule = schedule
        self.listener = listener
        self._began: tuple[float, int] | None = None
        self._told_at = float("-inf")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, *arguments: object
    ) -> None:
        """Report a step."""
        now = time.monotonic()
        if self._began is None:
            self._began = now, trainer.global_step
        if now - self._told_at < _LEAST_SECONDS or not trainer.is_global_zero:
            return
        self._told_at = now
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        value = float(loss.detach()) if isinstance(loss, Tensor) else None
        self._tell(trainer, cast(SegmentationTask, pl_module), value, None)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report a validation."""
        dice = trainer.callback_metrics.get("dice")
        if dice is not None and trainer.is_global_zero:
            self._tell(trainer, cast(SegmentationTask, pl_module), None, float(dice))

    def _tell(
        self, trainer: Trainer, task: SegmentationTask, loss: float | None, dice: float | None
    ) -> None:
        step = trainer.global_step
        event = TrainingEvent(
            step, self.schedule.steps, task.progress(), self._seconds_left(step, task), loss, dice
        )
        self.listener(event)

    def _seconds_left(self, step: int, task: SegmentationTask) -> float | None:
        limits = []
        if self.schedule.max_hours is not None:
            limits.append(3600 * self.schedule.max_hours - task.clock.seconds)
        if self._began is not None and step > self._began[1]:
            pace = (time.monotonic() - self._began[0]) / (step - self._began[1])
            limits.append(pace * (self.schedule.steps - step))
        return max(0.0, min(limits)) if limits else None
