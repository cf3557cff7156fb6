"""Run the rows of a comparison: training, segmentation and scoring, each resumable."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.data import Dataset, read_dataset
from amcnet.errors import ConfigError
from amcnet.paper_tables.row_results import public_settings, read_row_result
from amcnet.paper_tables.row_scoring import score_row
from amcnet.paper_tables.rows import PaperRow
from amcnet.paper_tables.scale import Scale
from amcnet.paper_tables.workspace import Workspace, make_data
from amcnet.parallel import Progress, no_progress
from amcnet.training.config_reading import RUN_CONFIG_FILE, read_run_config
from amcnet.training.hardware import is_first_process
from amcnet.training.run_paths import BUNDLE_FOLDER, last_checkpoint
from amcnet.training.training_config import TrainingConfig
from amcnet.training.training_run import train

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowTask:
    """A row to run.

    Attributes:
        row: The row.
        loss: A loss that overrides the configuration's, for studies; ``row.loss`` describes it.
    """

    row: PaperRow
    loss: "nn.Module | None" = None


def run_rows(
    tasks: Iterable[RowTask],
    scale: Scale,
    workspace: Workspace,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Iterator[str]:
    """Run rows one after the other; finished rows are kept and interrupted ones resumed.

    With several processes (Lightning's DDP) all rows are trained first and scored then, by the
    first process alone: the others would wait for it longer than they do.

    Args:
        tasks: The rows.
        scale: The settings that they share.
        workspace: The workspace; missing parts are created.
        jobs: Processes that make phantoms.
        progress: Called with (cases done, number of cases) in each part of the work except
            training.

    Yields:
        The name of each row that was finished in this call.

    Raises:
        ConfigError: If rows in the folder were started with other settings.
        OutputError: If the folder contains other phantoms.
        TrainingError: If a training run cannot be resumed.
    """
    waiting = []
    for task in tasks:
        config = scale.training_config(task.row, workspace.prepared)
        if _is_finished(task.row, config, scale, workspace):
            logger.info("%s: finished before", task.row.name)
        else:
            waiting.append((task, config))
    if not waiting:
        return
    first = is_first_process()
    unseen = (
        make_data(workspace, scale, jobs, progress) if first else read_dataset(workspace.unseen)
    )
    for task, config in waiting:
        _train(task, config, workspace)
        if not _is_distributed():
            yield _score(task.row, config, scale, workspace, unseen, progress)
    if first and _is_distributed():
        for task, config in waiting:
            yield _score(task.row, config, scale, workspace, unseen, progress)


def _is_finished(row: PaperRow, config: TrainingConfig, scale: Scale, workspace: Workspace) -> bool:
    """Return whether a row has results; refuse results of other settings."""
    result = read_row_result(workspace.results, row.name)
    if result is None:
        return False
    found, expected = result.facts.settings, public_settings(config)
    found_data, data = result.facts.data, scale.data.model_dump(mode="json")
    changed = [key for key in expected if key != "hardware" and found.get(key) != expected[key]]
    changed += ["phantoms"] if found_data != data else []
    changed += ["loss"] if result.facts.loss != row.loss_text else []
    if changed:
        raise ConfigError(
            f"{workspace.results / row.name}.json: was made with another {', '.join(changed)}, "
            "expected the current settings: choose another folder"
        )
    return True


def _train(task: RowTask, config: TrainingConfig, workspace: Workspace) -> None:
    """Train a row, or resume its training, unless its model exists."""
    run = workspace.run(task.row.name)
    begun = last_checkpoint(run).exists()
    if begun:
        earlier = read_run_config(run)
        changed = [
            key for key, value in config if key != "hardware" and value != getattr(earlier, key)
        ]
        if changed:
            raise ConfigError(
                f"{run / RUN_CONFIG_FILE}: the row was started with another "
                f"{', '.join(changed)}, expected the current settings: choose another folder"
            )
    if (run / BUNDLE_FOLDER / DESCRIPTION_FILE).is_file():
        return
    logger.info("%s: %s", task.row.name, "resuming the training" if begun else "training")
    train(config, run, resume=begun, loss=task.loss)


def _score(
    row: PaperRow,
    config: TrainingConfig,
    scale: Scale,
    workspace: Workspace,
    unseen: Dataset,
    progress: Progress,
) -> str:
    logger.info("%s: segmenting and scoring", row.name)
    score_row(row, config, scale, workspace, unseen, progress)
    return row.name


def _is_distributed() -> bool:
    import torch

    return torch.distributed.is_available() and torch.distributed.is_initialized()
