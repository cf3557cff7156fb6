"""A training run: from the data to checkpoints, curves and a model bundle."""

import logging
import math
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.bundle.refiner_export import add_refiner
from amcnet.parent_process import end_with_parent
from amcnet.training.checkpoint_format import read_checkpoint
from amcnet.training.checkpoints import (
    RunPosition,
    SafeCheckpointIO,
    checkpoint_callbacks,
    explained_end,
)
from amcnet.training.data_source import choose_split, find_source
from amcnet.training.datamodule import RunData
from amcnet.training.hardware import (
    ChosenPrecision,
    choose_precision,
    hardware_of,
    is_first_process,
    make_trainer,
    settle_processes,
    trains_on_gpu,
)
from amcnet.training.held_out_calibration import calibrate_on_prepared
from amcnet.training.history import EpochRow, LossCurve, write_curves, write_history
from amcnet.training.interruption import Interruption, handled_signals
from amcnet.training.learning_rate import check_decay
from amcnet.training.model_description import Origin, code_commit, describe_model
from amcnet.training.pace import PaceReport
from amcnet.training.progress_events import StepEvents, TrainingListener
from amcnet.training.run_folder import claimed_folder, log_to_file
from amcnet.training.run_paths import (
    BUNDLE_FOLDER,
    CURVES_FILE,
    HISTORY_FILE,
    best_checkpoint,
    last_checkpoint,
)
from amcnet.training.task import SegmentationTask, check_weights
from amcnet.training.training_config import ScheduleConfig, TrainingConfig
from amcnet.training.transfer import start_from

logger = logging.getLogger(__name__)


def train(
    config: TrainingConfig,
    folder: Path,
    resume: bool = False,
    loss: nn.Module | None = None,
    listener: TrainingListener | None = None,
) -> Bundle:
    """Train a network and return the model bundle in ``folder / "model"``.

    With several devices, Lightning starts the calling program again for each further device; every
    process returns the bundle, see :func:`is_first_process`.

    Args:
        config: The configuration.
        folder: The run folder: configuration, log, checkpoints, metrics, curves and the bundle.
        resume: Resume from the run folder's last checkpoint; except for the schedule and the
            hardware, the configuration must be the same.
        loss: A loss instead of the configured one, called with logits (batch, class, scan, lateral,
            depth) and classes (batch, scan, lateral, depth). Pass the same one when resuming.
        listener: Called with a :class:`amcnet.training.progress_events.TrainingEvent` after steps,
            at most once a second, and after each validation.

    Raises:
        ConfigError: If the configuration does not fit the data, or differs from that of the resumed
            run.
        InputError: If the data cannot be used.
        OutputError: If the run folder already contains a run, or has none to resume.
        TrainingError: If more than 1 % of the steps had gradients that are not finite.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import Geometry, write_image, write_labels
        >>> from amcnet.networks import Architecture
        >>> labels = np.zeros((8, 16, 16), np.uint8)
        >>> labels[2:6, 4:12, 4:12] = 1
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> for name in ("images", "labels"):
        ...     Path("cubes", name).mkdir(parents=True)
        >>> write_image("cubes/images/one.nrrd", labels * 100, grid)
        >>> write_labels("cubes/labels/one.nrrd", labels, grid, LabelTable.from_names(["cube"]))
        >>> _ = Path("cubes/dataset.json").write_text('{"labels": {"background": 0, "cube": 1}}')
        >>> config = TrainingConfig(
        ...     name="cubes",
        ...     data={"dataset": "cubes", "description": "one cube", "fold": "all"},
        ...     preprocessing={"spacing_mm": (1.0, 1.0, 1.0)},
        ...     network=Architecture(name="unet3d", num_classes=2, width=2),
        ...     sampling={"window": 8},
        ...     schedule={"steps": 1},
        ... )
        >>> train(config, Path("run")).description.provenance.steps
        1
    """
    settle_processes(config.hardware)
    with handled_signals() as interruption, ExitStack() as stack:
        if is_first_process():
            stack.enter_context(claimed_folder(config, folder, resume))
            stack.enter_context(log_to_file(folder))
        else:
            end_with_parent()
        position = stack.enter_context(explained_end(folder))
        checkpoint = last_checkpoint(folder) if resume else None
        request = _TrainingRequest(config, folder, loss, listener, position)
        return _run(request, checkpoint, interruption)


@dataclass(frozen=True)
class _TrainingRequest:
    """The arguments of :func:`train`, and the position for its last words."""

    config: TrainingConfig
    folder: Path
    loss: nn.Module | None
    listener: TrainingListener | None
    position: RunPosition


def _run(run: _TrainingRequest, checkpoint: Path | None, interruption: Interruption) -> Bundle:
    config, folder = run.config, run.folder
    commit = code_commit()  # early, not after hours of training
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    source = find_source(config, folder)
    split = choose_split(config, source)
    logger.info("%d cases for training, %d held out", len(split.train), len(split.val))
    check_decay(config.optimiser.decay, len(split.val))
    task = SegmentationTask(
        config, source.table, partial(_report, folder, config.schedule), run.loss
    )
    started_from = None
    if config.start_from is not None:
        model = load_bundle(config.start_from)
        weights = start_from(task.network, config.network, source.table, model)
        started_from = (model, weights)
    precision = choose_precision(config.precision, trains_on_gpu(config.hardware))
    trainer = _trainer(run, precision, bool(split.val), interruption)
    logger.info("on %s, in %s: %s", hardware_of(trainer), *precision)
    data = RunData(config, source, split)
    run.position.step = lambda: task.global_step
    trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    if trainer.is_global_zero:
        if config.schedule.keep == "best" and best_checkpoint(folder).exists():
            _load_weights(task, best_checkpoint(folder))
        origin = Origin(source, split, commit, started_from)
        description = describe_model(config, task, origin)
        written = write_bundle(folder / BUNDLE_FOLDER, task.network, description)
        if started_from is not None:
            _keep_refiner(written, started_from[0])
        calibrate_on_prepared(folder / BUNDLE_FOLDER, source.open(), split.val)
    trainer.strategy.barrier("the model is written")
    return load_bundle(folder / BUNDLE_FOLDER)


def _keep_refiner(written: Bundle, model: Bundle) -> None:
    """Copy the refiner of the starting model, if there is one and labels and channels agree."""
    before, now = model.description, written.description
    if before.refiner is None:
        return
    if before.refiner_for(now.label_table, now.architecture.in_channels) is None:
        logger.info(
            "the refiner of %s is not kept: it is for other labels or channels", before.name
        )
        return
    add_refiner(written.folder, model)
    logger.info("the refiner of %s is kept", before.name)


def _load_weights(task: SegmentationTask, path: Path) -> None:
    checkpoint = read_checkpoint(path)
    check_weights(checkpoint["state_dict"], task.state_dict())
    task.load_state_dict(checkpoint["state_dict"])
    logger.info("the model has the weights of step %d, the best ones", checkpoint["global_step"])


def _trainer(
    run: _TrainingRequest, precision: ChosenPrecision, validates: bool, interruption: Interruption
) -> lightning.Trainer:
    config, folder, schedule = run.config, run.folder, run.config.schedule
    # The pace comes first, because a checkpoint takes time.
    callbacks: list[Callback] = [PaceReport(config)]
    callbacks += checkpoint_callbacks(folder, schedule, validates, interruption)
    if schedule.patience is not None and validates:
        callbacks.append(EarlyStopping("dice", patience=schedule.patience, mode="max"))
    if run.listener is not None:
        callbacks.append(StepEvents(schedule, run.listener))
    shows_bar = sys.stderr.isatty() and run.listener is None
    if shows_bar:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return make_trainer(
        config.hardware,
        precision="bf16-mixed" if precision.name == "bf16" else "32-true",
        # The task counts steps and time, so that a run ends with a validation.
        max_steps=-1,
        max_epochs=-1,
        limit_val_batches=1.0 if validates else 0,
        accumulate_grad_batches=config.optimiser.accumulate,
        gradient_clip_val=config.optimiser.clip_norm or None,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        callbacks=callbacks,
        plugins=[SafeCheckpointIO()],
        default_root_dir=folder,
        logger=TensorBoardLogger(folder, name="tensorboard"),
        enable_progress_bar=shows_bar,
        enable_model_summary=False,
    )


def _report(
    folder: Path, schedule: ScheduleConfig, history: list[EpochRow], losses: LossCurve
) -> None:
    """Write the metrics of all epochs, and report the last one in one line."""
    write_history(history, folder / HISTORY_FILE)
    write_curves(history, folder / CURVES_FILE, losses)
    row = history[-1]
    parts = [f"step {row['step']:.0f} of {schedule.steps}"]
    parts += [f"{n.replace('_', ' ')} {row[n]:.3f}" for n in row if n.startswith(("loss", "dice"))]
    parts += [f"waiting for data {row['data_wait']:.0%}", f"skipped {row['skipped_steps']:.0f}"]
    parts.append(f"about {_minutes_left(row, schedule)} min left")
    logger.info(", ".join(parts))


def _minutes_left(row: EpochRow, schedule: ScheduleConfig) -> int:
    hours = row["hours"] / row["step"] * (schedule.steps - row["step"])
    if schedule.max_hours is not None:
        hours = min(hours, schedule.max_hours - row["hours"])
    return math.ceil(60 * max(0.0, hours))
