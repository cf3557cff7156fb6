"""Report early in a run how fast it is and how many steps its time limit allows."""

import logging
import time
from dataclasses import dataclass
from typing import cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from amcnet.training.task import SegmentationTask
from amcnet.training.training_config import TrainingConfig

logger = logging.getLogger(__name__)

_STEPS = 10
_SECONDS = 60.0  # a slow run must not wait for ten steps
_FEWEST_STEPS = 200  # of a useful run


@dataclass(frozen=True)
class TrainingPace:
    """Speed of a run.

    Attributes:
        seconds_per_step: Measured without validation.
        steps_left: Remaining steps of the schedule.
        seconds_left: Remaining time; None without a limit.
    """

    seconds_per_step: float
    steps_left: int
    seconds_left: float | None

    @property
    def possible_steps(self) -> int:
        """Number of steps that fit into the remaining time."""
        if self.seconds_left is None:
            return self.steps_left
        return min(self.steps_left, int(self.seconds_left / self.seconds_per_step))

    def text(self) -> str:
        """Return one line for people.

        Example:
            >>> TrainingPace(0.5, 1000, 60.0).text()
            '0.50 s a step: the remaining 1 min allow about 120 of 1000 steps'
        """
        start = f"{self.seconds_per_step:.2f} s a step: "
        if self.seconds_left is None:
            whole = self.steps_left * self.seconds_per_step / 60
            return f"{start}the remaining {self.steps_left} steps take about {whole:.0f} min"
        return (
            f"{start}the remaining {self.seconds_left / 60:.0f} min allow about "
            f"{self.possible_steps} of {self.steps_left} steps"
        )


class PaceReport(Callback):
    """Reports the speed of a run after ten steps or a minute, and warns if it is too slow.

    Args:
        config: The run's configuration.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self._began: float | None = None
        self._first_step = 0
        self._said = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *arguments: object
    ) -> None:
        """Count the step; the first one is not timed, because it is slower."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._first_step = now, trainer.global_step
        steps, seconds = trainer.global_step - self._first_step, now - self._began
        if self._said or steps < 1 or (steps < _STEPS and seconds < _SECONDS):
            return
        self._said = True
        schedule = self.config.schedule
        left = None
        if schedule.max_hours is not None:
            left = max(
                0.0, 3600 * schedule.max_hours - cast(SegmentationTask, pl_module).clock.seconds
            )
        pace = TrainingPace(seconds / steps, max(0, schedule.steps - trainer.global_step), left)
        if trainer.is_global_zero:
            logger.info("%s", pace.text())
            if left is not None and pace.possible_steps < min(_FEWEST_STEPS, pace.steps_left):
                logger.warning("%s", self.advice(pace))

    def advice(self, pace: TrainingPace) -> str:
        """Return what to change if the time allows too few steps."""
        config, sampling = self.config, self.config.sampling
        few = (
            f"{pace.possible_steps} steps are too few to learn much, expected {_FEWEST_STEPS} or "
            "more: give the run more time (--max-time), or make a step cheaper by "
        )
        if config.start_from is not None:  # the model determines width and grid
            return few + (
                "cropping windows to smaller boxes (sampling.crop_probability, now "
                f"{sampling.crop_probability:g}, and sampling.smallest_crop, now "
                f"{sampling.smallest_crop:g})"
            )
        return few + (
            f"a smaller network.width (now {config.network.width}), a shorter sampling.window (now "
            f"{sampling.window} slices), a coarser grid (amcnet prepare --grid)"
            + (' or precision = "auto"' if config.precision == "bf16" else "")
        )
