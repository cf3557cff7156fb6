"""The training loop of a refiner, which can resume from its last checkpoint."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset

from amcnet.anatomy import IGNORE
from amcnet.errors import InputError, TrainingError
from amcnet.losses import DiceLoss
from amcnet.networks.refiner import Refiner
from amcnet.training.checkpoint_format import read_checkpoint
from amcnet.training.checkpoints import SafeCheckpointIO
from amcnet.training.history import EpochRow
from amcnet.training.interruption import Interruption, RunStopped
from amcnet.training.learning_rate import RateSchedule
from amcnet.training.progress_events import EventReporter, Position, TrainingListener
from amcnet.training.refinement.patches import BoundaryPatches, PatchBatch, collate_patches
from amcnet.training.run_paths import last_checkpoint
from amcnet.training.training_config import OptimiserConfig, ScheduleConfig

logger = logging.getLogger(__name__)

_MOST_SKIPPED = 0.01  # share of the steps
_FEWEST_STEPS = 200  # steps to which this share is applied
_TRUST_ADDITIONS = (0.0, 0.5, 1.0, 1.5, 2.0)
_PARTS = {"history", "network", "optimiser", "seconds", "skipped_steps", "step"}


class RefinementLoss(nn.Module):
    """Dice of every kind that occurs in the batch, plus cross-entropy.

    All kinds have the same weight in the Dice loss. Voxels with the ignore label are excluded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dice = DiceLoss(batch_dice=True)

    def forward(self, logits: Tensor, kinds: Tensor) -> Tensor:
        """Return the loss of logits (batch, 1 + kind, ...) and true kinds (batch, ...)."""
        cross_entropy = functional.cross_entropy(logits, kinds, ignore_index=IGNORE)
        dice: Tensor = self.dice(logits, kinds)
        return dice + cross_entropy


class RefinerTrainer:
    """Trains a refiner until its steps or its time are used up.

    Args:
        network: The refiner.
        optimiser: Settings of Adam.
        schedule: Length of the run; each epoch ends with a validation and a report.
        folder: Run folder, for the checkpoints.
        interruption: Tells whether a signal came; the step is then finished and saved.
        listener: Called after steps, at most once a second, and after each validation.
        in_bfloat16: Whether the network computes in mixed precision.
    """

    def __init__(
        self,
        network: Refiner,
        optimiser: OptimiserConfig,
        schedule: ScheduleConfig,
        folder: Path,
        interruption: Interruption | None = None,
        listener: TrainingListener | None = None,
        in_bfloat16: bool = False,
    ) -> None:
        # On a CPU, this takes about two thirds of the time of the other memory format.
        self.network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.settings = optimiser
        self.schedule = schedule
        self.folder = folder
        self.in_bfloat16 = in_bfloat16
        self._interruption = interruption or Interruption()
        self._reporter = None if listener is None else EventReporter(schedule, listener)
        self.loss = RefinementLoss()
        self.optimiser = torch.optim.Adam(
            network.parameters(), lr=optimiser.learning_rate, betas=(optimiser.beta1, 0.999)
        )
        self._rates = RateSchedule(optimiser.decay)
        self.step = 0
        self.skipped_steps = 0
        self.history: list[EpochRow] = []
        self._earlier_seconds = 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time, including earlier runs before resuming."""
        return self._earlier_seconds + time.monotonic() - self._began

    @property
    def progress(self) -> float:
        """Completed fraction of the run, by steps or by time, whichever is larger."""
        return self._rates.completed(self.step, self._share, self.history)

    @property
    def _share(self) -> float:
        share = self.step / self.schedule.steps
        if self.schedule.max_hours is not None:
            share = max(share, self.seconds / 3600 / self.schedule.max_hours)
        return share

    @property
    def _position(self) -> Position:
        return Position(self.step, self.progress, self.seconds)

    def fit(
        self,
        training: BoundaryPatches,
        validation: DataLoader[PatchBatch] | None,
        report: Callable[[list[EpochRow]], None],
    ) -> None:
        """Train.

        Args:
            training: The patches, drawn in order.
            validation: Patches of held-out cases.
            report: Called with the metrics of all epochs at the end of each.

        Raises:
            TrainingError: If more than 1 % of the steps had gradients that are not finite.
        """
        self._began = time.monotonic()
        while self.progress < 1:
            loss = self._epoch(training)
            scores = {} if validation is None else self.validate(validation)
            if self._reporter is not None and "dice" in scores:
                self._reporter.after_validation(self._position, scores["dice"])
            self.history.append(
                {
                    "epoch": len(self.history),
                    "step": self.step,
                    "loss": loss,
                    **scores,
                    "learning_rate": self._rate(),
                    "skipped_steps": self.skipped_steps,
                    "hours": self.seconds / 3600,
                }
            )
            report(self.history)
            if self._interruption.number:
                self._save_and_stop()
            self.save()

    def _save_and_stop(self) -> NoReturn:
        self.save()
        raise RunStopped(self._interruption.number)

    def _epoch(self, training: BoundaryPatches) -> float:
        """Take the steps of an epoch and return their mean loss."""
        losses: list[float] = []
        size = self.settings.batch_size
        while self.progress < 1:
            first = self.step * size
            batch = collate_patches([training[index] for index in range(first, first + size)])
            self._interruption.in_step = True
            losses.append(self._take_step(batch))
            self._interruption.in_step = False
            if self._reporter is not None:
                self._reporter.after_step(self._position, lambda: losses[-1])
            if self.step % self.schedule.steps_per_epoch == 0:
                break
            if self._interruption.number:
                self._save_and_stop()
            if self.step % self.schedule.checkpoint_steps == 0:
                self.save()
        finite = [value for value in losses if math.isfinite(value)]
        return sum(finite) / len(finite) if finite else math.nan

    def _take_step(self, batch: PatchBatch) -> float:
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self._logits(batch.patch), batch.kinds)
        loss.backward()
        limit = self.settings.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        self.step += 1
        if torch.isfinite(norm):
            self.optimiser.step()
        else:
            self._skip()
        return float(loss.detach())

    def _logits(self, patch: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.in_bfloat16):
            logits: Tensor = self.network(patch.contiguous(memory_format=torch.channels_last_3d))
        return logits.float()

    def _skip(self) -> None:
        self.skipped_steps += 1
        logger.warning("step %d: gradients are not finite, skipped", self.step)
        if self.skipped_steps > _MOST_SKIPPED * max(self.step, _FEWEST_STEPS):
            raise TrainingError(
                f"{self.skipped_steps} of {self.step} steps had gradients that are not finite, "
                f"expected at most {_MOST_SKIPPED:.0%}: try a lower optimiser.learning_rate"
            )

    def _rate(self) -> float:
        warmup = min(1.0, (self.step + 1) / max(1, self.settings.warmup_steps))
        decay = self._rates.relative_rate(self.step, self._share, self.history)
        return self.settings.learning_rate * warmup * decay

    @torch.inference_mode()
    def validate(self, patches: Iterable[PatchBatch]) -> EpochRow:
        """Return the Dice of every kind, of the first stage and refined."""
        self.network.eval()
        kinds = self.network.kinds
        overlap = torch.zeros(2, kinds, dtype=torch.long)
        total = torch.zeros(2, kinds, dtype=torch.long)
        for batch in patches:
            found = batch.patch[:, -kinds:]
            before = torch.where(found.any(dim=1), found.argmax(dim=1) + 1, 0)
            judged = batch.kinds != IGNORE
            actual = batch.kinds[judged]
            after = self._logits(batch.patch).argmax(dim=1)
            for stage, labels in enumerate((before[judged], after[judged])):
                for kind in range(kinds):
                    is_kind, should = labels == kind + 1, actual == kind + 1
                    overlap[stage, kind] += (is_kind & should).sum()
                    total[stage, kind] += is_kind.sum() + should.sum()
        dice = 2 * overlap.double() / total.clamp_min(1)
        row: EpochRow = {"dice": float(dice[1].mean()), "dice_before": float(dice[0].mean())}
        for kind in range(kinds):
            row[f"dice_{kind + 1}"] = float(dice[1, kind])
            row[f"dice_{kind + 1}_before"] = float(dice[0, kind])
        return row

    @torch.inference_mode()
    def calibrate(self, patches: DataLoader[PatchBatch]) -> float:
        """Calibrate the weight of the first stage's labels, and return the change.

        Damaged reference labels are mostly worse than the labels of a trained model, so a refiner
        trained on them overcorrects.

        Args:
            patches: Patches of training cases with the first stage's own labels.
        """
        batches = list(patches)
        learned = self.network.trust.clone()
        scores = {}
        for addition in _TRUST_ADDITIONS:
            self.network.trust.copy_(learned + addition)
            scores[addition] = self.validate(batches)["dice"]
        best = max(scores, key=lambda addition: scores[addition])
        self.network.trust.copy_(learned + best)
        logger.info("the weight of the first stage's labels is increased by %g", best)
        return best

    def save(self) -> None:
        """Write the checkpoint that :meth:`resume` reads."""
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "skipped_steps": self.skipped_steps,
            "history": self.history,
            "seconds": self.seconds,
        }
        SafeCheckpointIO().save_checkpoint(state, last_checkpoint(self.folder))

    def resume(self) -> None:
        """Resume from the last checkpoint.

        Raises:
            InputError: If it cannot be read, or belongs to a refiner of another size.
        """
        path = last_checkpoint(self.folder)
        state = read_checkpoint(path)
        if missing := sorted(_PARTS - state.keys()):
            raise InputError(
                f"{path}: has no {', '.join(missing)}, expected a refiner's checkpoint"
            )
        try:
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1].strip()
            raise InputError(f"{path}: does not fit the configuration ({reason})") from error
        self.step = state["step"]
        self.skipped_steps = state["skipped_steps"]
        self.history = state["history"]
        self._earlier_seconds = state["seconds"]


def validation_loader(patches: BoundaryPatches, count: int, batch: int) -> DataLoader[PatchBatch]:
    """Return the first patches of a data set, the same at each validation."""
    return DataLoader(Subset(patches, range(count)), batch, collate_fn=collate_patches)
