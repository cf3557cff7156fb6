"""Checkpoints that are whole or not there, and the run folder that they lie in."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import atomic_path
from amcnet.training.config import ScheduleConfig, TrainingConfig
from amcnet.training.config_reading import RUN_CONFIG_FILE, read_run_config

CHECKPOINT_FOLDER = "checkpoints"
LOG_FILE = "run.log"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside and renames: a run that is killed leaves its last whole checkpoint."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = "cpu",  # noqa: ANN401
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            InputError: If it cannot be read.
        """
        try:
            return super().load_checkpoint(path, map_location, weights_only)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise InputError(f"{path}: cannot be read, expected a whole checkpoint") from error


class _Checkpoints(ModelCheckpoint):
    """Knows its checkpoints again when the run folder was moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what is known of earlier checkpoints; Lightning drops it in another folder."""
        folder = Path(str(self.dirpath))

        def here(path: str) -> str:
            return str(folder / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: here(state_dict[name]) for name in paths}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        own = {"dirpath": self.dirpath, "best_k_models": best}
        super().load_state_dict({**state_dict, **moved, **own})


class _WithinEpochs(_Checkpoints):
    """Saves between the ends of epochs: there a checkpoint belongs after the validation."""

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:  # noqa: ANN401
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *arguments)


def checkpoint_callbacks(folder: Path, schedule: ScheduleConfig, validates: bool) -> list[Callback]:
    """Return what writes ``best.ckpt`` and ``last.ckpt``."""
    common: dict[str, Any] = {
        "dirpath": folder / CHECKPOINT_FOLDER,
        "enable_version_counter": False,
    }
    within = _WithinEpochs(filename="last", every_n_train_steps=schedule.checkpoint_steps, **common)
    after = _Checkpoints(
        filename="best" if validates else "last",
        monitor="dice" if validates else None,
        mode="max",
        save_last=validates,
        save_on_train_epoch_end=True,
        **common,
    )
    return [within, after]


def claim_folder(config: TrainingConfig, folder: Path, resume: bool) -> None:
    """Make the run folder, or check that a run can go on in it.

    Raises:
        ConfigError: If the run was started with another configuration.
        OutputError: If the folder holds a run already, or none to resume.
    """
    last = last_checkpoint(folder)
    if resume:
        if not last.exists():
            raise OutputError(
                f"{last}: is missing, expected the checkpoint of the run to resume; "
                "without --resume the run begins anew"
            )
        earlier = read_run_config(folder)
        # A run may be given more time or other machines; everything else decides its result.
        free = {"schedule": config.schedule, "hardware": config.hardware}
        same = earlier.model_copy(update=free)
        changed = [name for name, value in config if value != getattr(same, name)]
        if changed:
            raise ConfigError(
                f"{folder / RUN_CONFIG_FILE}: differs from the configuration in "
                f"{', '.join(changed)}, expected the same to resume"
            )
    elif last.exists():
        raise OutputError(f"{folder}: holds a run already, expected a new folder or --resume")
    elif folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / RUN_CONFIG_FILE) as temporary:
        temporary.write_text(config.model_dump_json(indent=1), encoding="utf-8")


def last_checkpoint(folder: Path) -> Path:
    """Return where a run's newest checkpoint is."""
    return folder / CHECKPOINT_FOLDER / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Return where the checkpoint with the highest Dice is."""
    return folder / CHECKPOINT_FOLDER / "best.ckpt"


@contextmanager
def log_to_file(folder: Path) -> Iterator[None]:
    """Write the package's log to the run folder too."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("amcnet")
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.setLevel(level)
        package.removeHandler(handler)
        handler.close()
