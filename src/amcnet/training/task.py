"""What a training step is: a Lightning module around a network and a loss."""

import logging
import math
import time
from typing import Any

import lightning
import torch
from torch import Tensor

from amcnet.anatomy import LabelTable
from amcnet.losses import DiceAnatomyLoss, DiceLoss
from amcnet.networks.registry import build_network
from amcnet.training.config import TrainingConfig

logger = logging.getLogger(__name__)


class SegmentationTask(lightning.LightningModule):
    """Trains one network on windows.

    Steps with non-finite gradients change nothing and are counted in ``skipped_steps``.
    """

    def __init__(self, config: TrainingConfig, table: LabelTable) -> None:
        super().__init__()
        self.config = config
        self.table = table
        self.network = build_network(config.network)
        dice = DiceLoss(config.loss.present, config.loss.include_background)
        self.loss = DiceAnatomyLoss(config.loss.gamma, dice, config.loss.cross_entropy)
        self.skipped_steps = 0
        self.earlier_seconds = 0.0
        self._started = time.monotonic()
        self._counts = torch.zeros(3, table.num_classes, dtype=torch.long)

    @property
    def seconds(self) -> float:
        """Time spent training, in all runs that this one resumed."""
        return self.earlier_seconds + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """Share of the run that is over, by steps or by time, whichever is further."""
        schedule = self.config.schedule
        share = self.global_step / schedule.steps
        if schedule.max_hours is not None:
            share = max(share, self.seconds / 3600 / schedule.max_hours)
        return min(share, 1.0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.config.optimiser.learning_rate)

    def on_fit_start(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_batch_start(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> int | None:
        """Set the learning rate: linear warm-up, then a cosine decay over the run."""
        settings = self.config.optimiser
        warmup = min(1.0, (self.global_step + 1) / max(1, settings.warmup_steps))
        decay = 0.5 * (1 + math.cos(math.pi * self.progress))
        rate = settings.learning_rate * warmup * decay
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        if self.progress >= 1:
            self.trainer.should_stop = True
            return -1
        return None

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch of windows."""
        image, labels = batch
        logits = self.network(image)
        loss: Tensor = self.loss(logits, labels)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Drop non-finite gradients: the optimiser leaves parameters without gradients alone."""
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not bool(torch.isfinite(norm)):
            self.skipped_steps += 1
            logger.warning("step %d: gradients are not finite, skipped", self.global_step)
            optimizer.zero_grad(set_to_none=True)

    def on_train_epoch_end(self) -> None:
        """Log what the curves show."""
        self.log("skipped_steps", float(self.skipped_steps))
        self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Count voxels per class: overlap, predicted, actual."""
        image, labels = batch
        logits = self.network(image)
        predicted, actual = logits.argmax(dim=1).flatten(), labels.long().flatten()
        classes = self.table.num_classes
        self._counts[0] += torch.bincount(actual[predicted == actual], minlength=classes).cpu()
        self._counts[1] += torch.bincount(predicted, minlength=classes).cpu()
        self._counts[2] += torch.bincount(actual, minlength=classes).cpu()

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice over structures, in all and by kind."""
        overlap, predicted, actual = self._counts.double()
        dice = 2 * overlap / (predicted + actual).clamp_min(1)
        present = actual > 0
        present[0] = False
        mean = dice[present].mean() if present.any() else dice.new_zeros(())
        self.log("dice", mean.float(), prog_bar=True)
        for kind in self.table.kinds:
            of_kind = torch.zeros_like(present)
            of_kind[list(self.table.values_of_kind(kind))] = True
            if (of_kind & present).any():
                self.log(f"dice_{kind}", dice[of_kind & present].mean().float(), prog_bar=True)
        self._counts.zero_()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the clock and the count of skipped steps."""
        checkpoint["seconds"] = self.seconds
        checkpoint["skipped_steps"] = self.skipped_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the clock and the count of skipped steps."""
        self.earlier_seconds = checkpoint["seconds"]
        self.skipped_steps = checkpoint["skipped_steps"]
