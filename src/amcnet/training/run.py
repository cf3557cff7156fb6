"""A training run: data in, checkpoints and curves while it lasts, a model bundle out."""

import logging
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from pydantic import ValidationError
from torch.utils.data import DataLoader

from amcnet.bundle import Bundle, BundleDescription, Provenance, load_bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.bundle.export import load_network_weights, write_bundle
from amcnet.data import read_dataset
from amcnet.data.patches import PatchSampler, PreparedCase
from amcnet.errors import ConfigError, OutputError
from amcnet.io import atomic_path
from amcnet.training.config import TrainingConfig
from amcnet.training.curves import write_curves
from amcnet.training.prepare import prepare_cases, split_cases
from amcnet.training.task import SegmentationTask
from amcnet.training.windows import TrainingWindows, ValidationWindows

logger = logging.getLogger(__name__)

CHECKPOINT_FOLDER = "checkpoints"
LOG_FOLDER = "log"
BUNDLE_FOLDER = "model"
NOTICE = "Not a medical device; for research only."


def train(config: TrainingConfig, folder: Path, resume: bool = False) -> Bundle:
    """Train a network and return the model bundle in ``folder / "model"``.

    Args:
        config: The configuration.
        folder: The run folder: configuration, checkpoints, logs, curves and the bundle.
        resume: Go on from the run folder's last checkpoint; the configuration must be the same.

    Raises:
        ConfigError: If the configuration does not fit the data, or a resumed run's own.
        OutputError: If the run folder holds a run already, or none to resume.
    """
    checkpoint = _claim_folder(config, folder, resume)
    commit = _commit()  # now, not when hours have passed
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    dataset = read_dataset(config.data.dataset)
    if config.network.num_classes != dataset.table.num_classes:
        raise ConfigError(
            f"network.num_classes = {config.network.num_classes}, "
            f"expected {dataset.table.num_classes} for the labels of {dataset.folder}"
        )
    cases = prepare_cases(dataset, config.preprocessing, folder / "prepared")
    training, validation = split_cases(cases, config.data.validation_fraction, config.seed)
    if not training:
        raise ConfigError(
            f"data.validation_fraction = {config.data.validation_fraction}, "
            f"expected a case of {len(cases)} to be left for training"
        )
    logger.info("%d cases for training, %d held out", len(training), len(validation))
    task = SegmentationTask(config, dataset.table)
    started_from = None if config.start_from is None else _start_from(config, task)
    data = _WindowData(config, training, validation)
    trainer = _trainer(config, folder, bool(validation))
    trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=False)
    write_curves(folder / LOG_FOLDER, folder / "curves.png")
    return write_bundle(
        folder / BUNDLE_FOLDER,
        task.network,
        _describe(config, task, training, (commit, started_from)),
    )


def _start_from(config: TrainingConfig, task: SegmentationTask) -> str:
    """Give the network the weights of a bundle; return which ones these are."""
    bundle = load_bundle(config.start_from)
    if bundle.description.architecture != config.network:
        raise ConfigError(
            f"start_from: {bundle.folder} holds a network with "
            f"{bundle.description.architecture}, expected {config.network}"
        )
    task.network.load_state_dict(load_network_weights(bundle))
    digest = bundle.description.sha256[WEIGHTS_FILE]
    return f"{bundle.description.name}, weights SHA-256 {digest}"


class _WindowData(lightning.LightningDataModule):
    def __init__(
        self,
        config: TrainingConfig,
        training: tuple[PreparedCase, ...],
        validation: tuple[PreparedCase, ...],
    ) -> None:
        super().__init__()
        self.config = config
        self.validation = validation
        sampling = config.sampling
        self.sampler = PatchSampler(
            cases=training,
            window=sampling.window,
            seed=config.seed,
            foreground_probability=sampling.foreground_probability,
            augmentation=config.augmentation,
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the windows of the current epoch, in their fixed order."""
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        batch_size = self.config.optimiser.batch_size
        length = self.config.schedule.steps_per_epoch * batch_size
        return DataLoader(TrainingWindows(self.sampler, epoch, length), batch_size=batch_size)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the held-out windows."""
        per_case = self.config.schedule.validation_windows
        window = self.config.sampling.window
        return DataLoader(ValidationWindows(self.validation, window, per_case))


def _claim_folder(config: TrainingConfig, folder: Path, resume: bool) -> Path | None:
    """Make the run folder, or find the checkpoint to go on from."""
    stored = folder / "config.json"
    last = folder / CHECKPOINT_FOLDER / "last.ckpt"
    if not resume:
        if last.exists():
            raise OutputError(f"{folder}: holds a run already, expected a new folder or --resume")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file, expected a folder")
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(stored) as temporary:
            temporary.write_text(config.model_dump_json(indent=1), encoding="utf-8")
        return None
    if not last.exists():
        raise OutputError(f"{last}: is missing, expected the checkpoint of the run to resume")
    try:
        earlier = TrainingConfig.model_validate_json(stored.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{stored}: cannot be read, expected the run's configuration") from error
    # A run may be given more time; everything else decides its result.
    if earlier.model_copy(update={"schedule": config.schedule}) != config:
        raise ConfigError(f"{stored}: differs from the configuration, expected the same to resume")
    return last


def _trainer(config: TrainingConfig, folder: Path, validates: bool) -> lightning.Trainer:
    checkpoints = ModelCheckpoint(
        folder / CHECKPOINT_FOLDER,
        filename="best",
        monitor="dice" if validates else None,
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
    schedule = config.schedule
    return lightning.Trainer(
        accelerator="auto",
        precision="bf16-mixed" if config.precision == "bf16" else "32-true",
        max_steps=schedule.steps,
        max_epochs=-1,
        gradient_clip_val=config.optimiser.clip_norm,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        callbacks=[checkpoints, TQDMProgressBar(refresh_rate=10)],
        logger=[
            # Each resumed part logs to a folder of its own: a logger empties what it finds.
            CSVLogger(folder, name=LOG_FOLDER),
            TensorBoardLogger(folder, name="tensorboard"),
        ],
        enable_model_summary=False,
    )


def _describe(
    config: TrainingConfig,
    task: SegmentationTask,
    training: tuple[PreparedCase, ...],
    origin: tuple[str, str | None],
) -> BundleDescription:
    commit, started_from = origin
    seeds = [int(m[1]) for case in training if (m := re.fullmatch(r"hand_(\d{6,})", case.name))]
    public = config.model_dump(mode="json")
    public["data"]["dataset"] = config.data.dataset.name
    if config.start_from is not None:
        public["start_from"] = config.start_from.name
    return BundleDescription(
        name=config.name,
        notice=f"Trained on {config.data.description}. {NOTICE}",
        architecture=config.network,
        preprocessing=config.preprocessing,
        window=config.sampling.window,
        labels=task.table.to_dicts(),
        provenance=Provenance(
            training_data=config.data.description,
            configuration=public,
            phantom_seeds=seeds,
            commit=commit,
            started_from=started_from,
            steps=task.global_step,
            hours=round(task.seconds / 3600, 2),
            hardware=f"{platform.machine()}, {torch.get_num_threads()} threads"
            if task.device.type == "cpu"
            else torch.cuda.get_device_name(task.device),
        ),
        sha256={},
    )


def _commit() -> str:
    """Return the commit of the source tree, where this is one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
