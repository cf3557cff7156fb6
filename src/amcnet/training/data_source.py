"""Find the cases of a run: a prepared data set, or a raw one, which is prepared first."""

import logging
from dataclasses import dataclass
from pathlib import Path

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.data import Dataset, Preprocessing, read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.data.prepared_store import PreparedDataset, is_prepared, open_prepared
from amcnet.data.splits import Split, find_splits
from amcnet.errors import ConfigError
from amcnet.training.training_config import TrainingConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataSource:
    """The data set of a run, before its voxels are read.

    Attributes:
        folder: Folder of the data set, raw or prepared.
        prepared: Folder of the prepared data set, which may not exist yet.
        raw: The raw data set, if one was given.
        table: Label table of its structures.
        channels: Channels of its images.
        preprocessing: Resampling and normalisation of each volume.
        names: Names of its cases.
    """

    folder: Path
    prepared: Path
    raw: Dataset | None
    table: LabelTable
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    names: tuple[str, ...]

    def prepare(self) -> None:
        """Prepare a raw data set; cases that are up to date are kept."""
        if self.raw is not None:
            prepare_dataset(self.raw, self.preprocessing, self.prepared, progress=_log_progress)

    def open(self) -> PreparedDataset:
        """Open the prepared data set."""
        return open_prepared(self.prepared)


def _log_progress(done: int, total: int) -> None:
    """Log the progress of the preparation at every fifth of it."""
    if done and 5 * done // total > 5 * (done - 1) // total:
        logger.info("%d of %d cases are prepared", done, total)


def find_source(config: TrainingConfig, run: Path) -> DataSource:
    """Find the data set of a configuration and check that the two match.

    Raises:
        ConfigError: If classes, channels or preprocessing differ.
        InputError: If the data set cannot be used.
    """
    folder = config.data.dataset
    source = _prepared_source(folder) if is_prepared(folder) else _raw_source(config, run)
    expected = {"num_classes": source.table.num_classes, "in_channels": len(source.channels)}
    for key, value in expected.items():
        found = getattr(config.network, key)
        if found != value:
            raise ConfigError(f"network.{key} = {found}, expected {value} for the data of {folder}")
    if config.preprocessing is not None and config.preprocessing != source.preprocessing:
        raise ConfigError(
            f"preprocessing is {config.preprocessing}, but {folder} was prepared with "
            f"{source.preprocessing}: omit the section, or prepare the data again"
        )
    return source


def choose_split(config: TrainingConfig, source: DataSource) -> Split:
    """Return the training cases and the held-out cases.

    Raises:
        ConfigError: If the fold does not exist, or no case is left for training.
        InputError: If the data set's own split cannot be used.
    """
    data, names = config.data, list(source.names)
    if data.fold == "all":
        return Split(tuple(names), ())
    splits = find_splits(source.folder, names, config.seed, data.folds, data.validation_fraction)
    if data.fold >= len(splits):
        raise ConfigError(f"data.fold = {data.fold}, expected 0 to {len(splits) - 1}, or 'all'")
    split = splits[data.fold]
    if not split.train:
        raise ConfigError(
            f"fold {data.fold} holds out all of {len(names)} cases, expected some for training"
        )
    return split


def _prepared_source(folder: Path) -> DataSource:
    prepared = open_prepared(folder)
    return DataSource(
        folder=folder,
        prepared=folder,
        raw=None,
        table=prepared.table,
        channels=prepared.channels,
        preprocessing=prepared.preprocessing,
        names=tuple(case.name for case in prepared.cases),
    )


def _raw_source(config: TrainingConfig, run: Path) -> DataSource:
    dataset = read_dataset(config.data.dataset)
    preprocessing = config.preprocessing
    if preprocessing is None and dataset.table == hand_label_table():
        preprocessing = Preprocessing()
    if preprocessing is None:
        raise ConfigError(
            f"key 'preprocessing' is missing, expected one for {dataset.folder}, or a data set "
            "that was prepared with amcnet prepare"
        )
    return DataSource(
        folder=dataset.folder,
        prepared=run / "prepared",
        raw=dataset,
        table=dataset.table,
        channels=dataset.channels,
        preprocessing=preprocessing,
        names=tuple(case.name for case in dataset.cases),
    )
