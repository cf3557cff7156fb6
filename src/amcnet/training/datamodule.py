"""The windows of a run for Lightning."""

import multiprocessing
from typing import Any, cast

import lightning
import torch
from numpy.random import SeedSequence
from torch.utils.data import DataLoader, Dataset

from amcnet.data.prepared_store import PreparedCase
from amcnet.data.splits import Split
from amcnet.data.window_sampler import WindowSampler
from amcnet.errors import ConfigError
from amcnet.training.data_source import DataSource
from amcnet.training.task import SegmentationTask
from amcnet.training.training_config import TrainingConfig
from amcnet.training.transforms.pipeline import augment_batch
from amcnet.training.window_datasets import (
    Batch,
    Share,
    TrainingWindows,
    ValidationWindows,
    WindowOrder,
    collate_windows,
)

_WORKERS_BESIDE_A_GPU = 4
_AUGMENTATION = 1  # separates the seeds of the transforms from those of the windows


class WindowLoader(DataLoader[Batch]):
    """A loader without a position to restore: the run's steps decide which windows come next."""

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state; its existence tells Lightning that resuming is safe."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore nothing."""


class RunData(lightning.LightningDataModule):
    """Prepares the data set, once, and loads windows."""

    def __init__(self, config: TrainingConfig, source: DataSource, split: Split) -> None:
        super().__init__()
        self.config = config
        self.source = source
        self.split = split
        self.prepare_data_per_node = False  # the run folder is shared
        self._cases: dict[str, PreparedCase] = {}

    def prepare_data(self) -> None:
        """Prepare the data set; Lightning calls this in one process, the others wait."""
        self.source.prepare()

    def setup(self, stage: str) -> None:
        """Open the prepared data set."""
        self._cases = {case.name: case for case in self.source.open().cases}

    def state_dict(self) -> dict[str, Any]:
        """Return the properties that must not change when the run is resumed."""
        return {
            "training cases": list(self.split.train),
            "held-out cases": list(self.split.val),
            "preprocessing": self.source.preprocessing.model_dump(mode="json"),
            "labels": self.source.table.to_dicts(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Check that the data are the same as at the start of the run.

        Raises:
            ConfigError: If the data set was prepared differently since then.
        """
        changed = [name for name, own in self.state_dict().items() if state_dict[name] != own]
        if changed:
            raise ConfigError(
                f"{self.source.folder}: {', '.join(changed)} differ from the start of the run, "
                "expected the same to resume"
            )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Apply random transforms to training windows on their device, one seed per window."""
        if not self._trainer().training:
            return batch
        numbers = batch.number.tolist()
        seeds = [SeedSequence(self.config.seed, spawn_key=(n, _AUGMENTATION)) for n in numbers]
        image, labels = augment_batch(
            batch.image,
            batch.labels,
            self.config.augmentation,
            [int(seed.generate_state(1)[0]) for seed in seeds],
            self.source.preprocessing.spacing_mm,
        )
        return Batch(image, labels, batch.number)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the windows of an epoch, from the first one not yet used by a step."""
        settings, sampling = self.config.optimiser, self.config.sampling
        sampler = WindowSampler(
            cases=tuple(self._cases[name] for name in self.split.train),
            window=sampling.window,
            seed=self.config.seed,
            foreground_probability=sampling.foreground_probability,
            centre=sampling.centre,
        )
        order = WindowOrder(
            batches_done=lambda: self._trainer().global_step * settings.accumulate,
            epoch_began=lambda: self._task().epoch_began() * settings.accumulate,
            batches=self.config.schedule.steps_per_epoch * settings.accumulate,
            batch_size=settings.batch_size,
            share=self._share(),
        )
        crop = sampling.crop_probability, sampling.smallest_crop
        return self._loader(TrainingWindows(sampler, crop), order)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the held-out windows."""
        windows = ValidationWindows(
            tuple(self._cases[name] for name in self.split.val),
            self.config.sampling.window,
            self.config.schedule.validation_windows,
            self._share(),
        )
        return self._loader(windows, [[index] for index in range(len(windows))])

    def _loader(self, windows: Dataset[Batch], order: Any) -> WindowLoader:  # noqa: ANN401
        workers = self.config.hardware.workers
        if workers is None:
            workers = _WORKERS_BESIDE_A_GPU if self._on_gpu() else 0
        return WindowLoader(
            windows,
            batch_sampler=order,
            num_workers=workers,
            collate_fn=collate_windows,
            pin_memory=self._on_gpu(),
            persistent_workers=workers > 0,
            # Zarr reads in a separate thread, which a forked process would lack.
            multiprocessing_context=multiprocessing.get_context("spawn") if workers else None,
        )

    def _trainer(self) -> lightning.Trainer:
        assert self.trainer is not None  # noqa: S101 - loaders are made by a trainer
        return self.trainer

    def _task(self) -> SegmentationTask:
        return cast(SegmentationTask, self._trainer().lightning_module)

    def _share(self) -> Share:
        return Share(self._trainer().global_rank, self._trainer().world_size)

    def _on_gpu(self) -> bool:
        device: torch.device = self._trainer().strategy.root_device
        return device.type == "cuda"
