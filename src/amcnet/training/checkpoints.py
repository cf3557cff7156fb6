"""When and where checkpoints are written; each one is complete or absent."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from amcnet.errors import InputError
from amcnet.io import atomic_path
from amcnet.training.checkpoint_format import read_checkpoint, write_checkpoint
from amcnet.training.interruption import Interruption, RunStopped
from amcnet.training.run_paths import CHECKPOINT_FOLDER, last_checkpoint
from amcnet.training.training_config import ScheduleConfig

logger = logging.getLogger(__name__)

_PARTS = {"loops", "optimizer_states", "pytorch-lightning_version", "run", "state_dict"}
_FIRST_SECONDS = 60.0
_NEXT_SECONDS = 600.0


class SafeCheckpointIO(CheckpointIO):
    """Reads and writes :mod:`amcnet.training.checkpoint_format` for Lightning.

    Checkpoints are written atomically: a killed run keeps its last complete one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: If it cannot be written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            write_checkpoint(temporary, checkpoint)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: object = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint onto the CPU.

        Raises:
            InputError: If it cannot be read, or is not the complete state of a run.
        """
        checkpoint = read_checkpoint(Path(path))
        if missing := sorted(_PARTS - checkpoint.keys()):
            raise InputError(
                f"{path}: has no {', '.join(missing)}, expected the checkpoint of a training run"
            )
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


class _EpochCheckpoints(ModelCheckpoint):
    """Recognises its checkpoints after the run folder was moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the record of earlier checkpoints, which Lightning drops in another folder."""
        folder = Path(str(self.dirpath))

        def here(path: str) -> str:
            return str(folder / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: here(state_dict[name]) for name in paths}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        own = {"dirpath": self.dirpath, "best_k_models": best}
        super().load_state_dict({**state_dict, **moved, **own})


class StepCheckpoints(Callback):
    """Writes ``last.ckpt`` within epochs, and after a signal.

    A checkpoint is due after a number of steps, but also one minute after the start and ten minutes
    after the last one, so that a slow run loses no more. At the end of an epoch the checkpoint must
    follow the validation, which :class:`_EpochCheckpoints` takes care of.

    Args:
        path: The file.
        steps: Steps between two checkpoints.
        interruption: Tells whether a signal came.
    """

    def __init__(self, path: Path, steps: int, interruption: Interruption) -> None:
        self.path = path
        self.steps = steps
        self.interruption = interruption
        self._step = 0
        self._due_at = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, after Lightning has installed its signal handlers."""
        self.interruption.install()
        self._step = trainer.global_step
        self._due_at = time.monotonic() + _FIRST_SECONDS

    def on_train_batch_start(self, trainer: Trainer, *arguments: object) -> None:
        """From here on, defer signals."""
        self.interruption.in_step = True

    def on_train_batch_end(self, trainer: Trainer, *arguments: object) -> None:
        """Write a checkpoint if one is due, and stop after a signal."""
        self.interruption.in_step = False
        step, now = trainer.global_step, time.monotonic()
        signal_number = self.interruption.number
        late = now >= self._due_at
        if trainer.world_size > 1:  # all processes must decide the same
            signal_number, late = trainer.strategy.broadcast((signal_number, late))
        is_whole_step = step != self._step  # otherwise gradients are being accumulated
        self._step = step
        due = is_whole_step and (step % self.steps == 0 or late or signal_number)
        if due and not trainer.is_last_batch:
            trainer.save_checkpoint(self.path)
            self._due_at = now + _NEXT_SECONDS
        if signal_number:
            raise RunStopped(signal_number)


def checkpoint_callbacks(
    folder: Path, schedule: ScheduleConfig, validates: bool, interruption: Interruption
) -> list[Callback]:
    """Return the callbacks that write ``best.ckpt`` and ``last.ckpt``."""
    within = StepCheckpoints(last_checkpoint(folder), schedule.checkpoint_steps, interruption)
    after = _EpochCheckpoints(
        dirpath=folder / CHECKPOINT_FOLDER,
        enable_version_counter=False,
        filename="best" if validates else "last",
        monitor="dice" if validates else None,
        mode="max",
        save_last=validates,
        save_on_train_epoch_end=True,
    )
    return [within, after]


@dataclass
class RunPosition:
    """Where a run is.

    Attributes:
        step: Returns the number of steps taken.
    """

    step: Callable[[], int] = lambda: 0


@contextmanager
def explained_end(folder: Path) -> Iterator[RunPosition]:
    """Log how to go on if a signal or Ctrl-C ends the run within the block."""
    position = RunPosition()
    try:
        yield position
    # Lightning ends with SystemExit after Ctrl-C, and this package after other signals.
    except (SystemExit, KeyboardInterrupt) as error:
        cause = f" by {error.signal_name}" if isinstance(error, RunStopped) else ""
        if last_checkpoint(folder).exists():
            how = f"can be resumed from its last checkpoint: amcnet train {folder} --resume"
        else:
            how = "has no checkpoint yet and must be restarted"
        logger.warning("interrupted%s at step %d; the run %s", cause, position.step(), how)
        raise
