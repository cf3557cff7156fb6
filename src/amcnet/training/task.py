"""The training step: a Lightning module around a network and a loss."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError, TrainingError
from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.networks.prior import expect_background
from amcnet.networks.registry import build_network
from amcnet.training.history import EpochRow, LossCurve
from amcnet.training.learning_rate import RateSchedule
from amcnet.training.step_clock import StepClock
from amcnet.training.training_config import TrainingConfig
from amcnet.training.validation_dice import OverlapCounter
from amcnet.training.window_datasets import Batch

logger = logging.getLogger(__name__)

_MOST_SKIPPED = 0.01  # share of the steps
# At most this fraction of a run, so that a short run also reaches its full learning rate.
_WARMUP_SHARE = 0.1
_FEWEST_STEPS = 200  # steps to which this share is applied: one bad step does not end a short run


class SegmentationTask(lightning.LightningModule):
    """Trains one network on windows.

    Steps with non-finite gradients change nothing and are counted in ``skipped_steps``.

    Args:
        config: The configuration.
        table: The structures.
        report: Called with the metrics of all epochs and the loss of all steps at the end of each
            epoch, in the first process.
        loss: A loss instead of the configuration's.
    """

    def __init__(
        self,
        config: TrainingConfig,
        table: LabelTable,
        report: Callable[[list[EpochRow], LossCurve], None] = lambda history, losses: None,
        loss: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.report = report
        self.config = config
        self.table = table
        self.network = build_network(config.network)
        if config.initial_background is not None:
            expect_background(self.network, config.initial_background, table.num_classes)
        dice = DiceLoss(config.loss.batch_dice, config.loss.include_background)
        self.loss = loss or DiceAnatomyLoss(config.loss.gamma, dice, config.loss.cross_entropy)
        self.supervision = self.network.supervision(self.loss, config.loss.deep_supervision)
        self.skipped_steps = 0
        self.history: list[EpochRow] = []
        self.losses = LossCurve()
        self.clock = StepClock()
        self._rates = RateSchedule(config.optimiser.decay)
        self._overlap = OverlapCounter(table)
        self._scores: EpochRow = {}
        self._loss_sum = torch.zeros(2, dtype=torch.float64)  # sum and count

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        settings = self.config.optimiser
        return torch.optim.Adam(
            self.parameters(), lr=settings.learning_rate, betas=(settings.beta1, 0.999)
        )

    def progress(self) -> float:
        """Return the completed fraction of the run, by steps or by time, whichever is larger.

        It jumps to 1 when the decay after a plateau is complete.
        """
        return self._rates.completed(self.global_step, self._share(), self.history)

    def _share(self) -> float:
        schedule = self.config.schedule
        share = self.global_step / schedule.steps
        if schedule.max_hours is not None:
            # Clocks differ: all processes use the first one's, or some would stop earlier.
            seconds = self.trainer.strategy.broadcast(self.clock.seconds)
            share = max(share, seconds / 3600 / schedule.max_hours)
        return share

    def stop_when_over(self) -> None:
        """End the run when its steps or its time are used up, possibly right after resuming."""
        if self.global_step > 0 and self.progress() >= 1:
            self.trainer.should_stop = True

    def on_fit_start(self) -> None:
        """Start the clock."""
        self.clock.start()

    def epoch_began(self) -> int:
        """Return the step after which the epoch began: the last one that has metrics."""
        return int(self.history[-1]["step"]) if self.history else 0

    def on_train_start(self) -> None:
        """Take no step if the run was already over before it was resumed."""
        self.stop_when_over()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate."""
        self.clock.data_is_there()
        settings = self.config.optimiser
        share = self._share()
        steps = (self.global_step + 1) / max(1, settings.warmup_steps)
        warmup = min(1.0, max(steps, share / _WARMUP_SHARE))
        decay = self._rates.relative_rate(self.global_step, share, self.history)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = settings.learning_rate * warmup * decay

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch of windows."""
        loss: Tensor = self.supervision(self.network, batch.image, batch.labels, self.global_step)
        value = loss.detach().double().cpu()
        if torch.isfinite(value):
            self._loss_sum += torch.stack((value, torch.ones_like(value)))
            self.losses.add(self.global_step + 1, float(value))
        self.log("loss_step", loss, prog_bar=True)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Drop non-finite gradients: the optimiser skips parameters without gradients.

        Raises:
            TrainingError: If too many steps were dropped.
        """
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if bool(torch.isfinite(norm)):
            return
        self.skipped_steps += 1
        steps = self.global_step + 1
        logger.warning("step %d: gradients are not finite, skipped", steps)
        optimizer.zero_grad(set_to_none=True)
        if self.skipped_steps > _MOST_SKIPPED * max(steps, _FEWEST_STEPS):
            raise TrainingError(
                f"{self.skipped_steps} of {steps} steps had gradients that are not finite, "
                f"expected at most {_MOST_SKIPPED:.0%}: try precision = 'float32' or a lower "
                "optimiser.learning_rate"
            )

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        """Stop when steps or time are used up; validation and the last checkpoint follow."""
        self.stop_when_over()
        self.clock.step_is_done()

    def on_train_epoch_end(self) -> None:
        """Record the epoch's metrics; its validation may have used up the time."""
        self.clock.pause()
        self.stop_when_over()
        total, count = self.trainer.strategy.reduce(
            self._loss_sum.to(self.device), reduce_op="sum"
        ).tolist()
        row: EpochRow = {
            "epoch": self.current_epoch,
            "step": self.global_step,
            "loss": total / count if count else math.nan,
            **self._scores,
            "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            "skipped_steps": self.skipped_steps,
            "data_wait": self.clock.waiting_share(),
            "hours": self.clock.seconds / 3600,
        }
        self.history.append(row)
        self._loss_sum.zero_()
        self._scores = {}
        for name in ("loss", "learning_rate", "skipped_steps", "data_wait"):
            self.log(name, float(row[name]))
        if self.trainer.is_global_zero:
            self.report(self.history, self.losses)

    def on_validation_start(self) -> None:
        """Exclude the time of validation."""
        self.clock.pause()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Accumulate the voxel counts of a validation batch."""
        self._overlap.add(self.network(batch.image).argmax(dim=1), batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice over structures, overall and by kind."""
        counts = self._overlap.counts.to(self.device)
        self._overlap.counts = self.trainer.strategy.reduce(counts, reduce_op="sum").cpu()
        self._scores = self._overlap.scores()
        self._overlap.reset()
        for name, value in self._scores.items():
            self.log(name, value, prog_bar=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save everything that the rest of the run and its metrics depend on."""
        checkpoint["run"] = {
            "seconds": self.clock.seconds,
            "skipped_steps": self.skipped_steps,
            "history": self.history,
            "scores": self._scores,
            "loss_sum": self._loss_sum.clone(),
            "losses": self.losses.state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state saved by :meth:`on_save_checkpoint`.

        Raises:
            InputError: If the checkpoint belongs to another network or is incomplete.
        """
        try:
            check_weights(checkpoint["state_dict"], self.state_dict())
            run = checkpoint["run"]
            self.clock.earlier_seconds = float(run["seconds"])
            self.skipped_steps = int(run["skipped_steps"])
            self.history = [dict(row) for row in run["history"]]
            self._scores = dict(run["scores"])
            self._loss_sum = run["loss_sum"].double()
            if "losses" in run:  # checkpoints of earlier versions lack it
                self.losses.restore(run["losses"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"the checkpoint is incomplete ({type(error).__name__}: {error}), expected one "
                "of this run"
            ) from error


def check_weights(found: Mapping[str, Any], expected: Mapping[str, Tensor]) -> None:
    """Check that the weights of a checkpoint fit a network.

    Raises:
        InputError: If names or shapes differ.
    """
    for name, value in expected.items():
        shape = tuple(found[name].shape) if isinstance(found.get(name), Tensor) else None
        if shape != tuple(value.shape):
            raise InputError(
                f"the checkpoint's {name} has the shape {shape}, expected {tuple(value.shape)}"
            )
