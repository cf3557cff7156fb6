"""The training run of a refiner: data in, a model bundle with a refiner out."""

import logging
import platform
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from amcnet.bundle import Bundle, Provenance, load_bundle
from amcnet.bundle.description import REFINER_WEIGHTS_FILE, RefinerDescription
from amcnet.bundle.refiner_export import write_refined_bundle
from amcnet.data import Dataset, read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.data.prepared_store import PreparedDataset
from amcnet.data.splits import Split, find_splits
from amcnet.errors import ConfigError, InputError, OutputError, count_text
from amcnet.io.atomic_files import write_atomically
from amcnet.io.small_files import read_small_file
from amcnet.networks.refiner import Refiner
from amcnet.networks.refiner_architecture import RefinerArchitecture
from amcnet.training.checkpoints import RunPosition, explained_end
from amcnet.training.config_reading import RUN_CONFIG_FILE
from amcnet.training.hardware import choose_precision
from amcnet.training.held_out_calibration import calibrate_on_raw
from amcnet.training.history import EpochRow, write_curves, write_history
from amcnet.training.interruption import Interruption, handled_signals
from amcnet.training.learning_rate import check_decay
from amcnet.training.model_description import code_commit
from amcnet.training.progress_events import TrainingListener
from amcnet.training.refinement.first_stage import make_first_stage
from amcnet.training.refinement.patches import BoundaryPatches, PatchOptions, RefinementCase
from amcnet.training.refinement.refiner_config import RefinementConfig
from amcnet.training.refinement.trainer import RefinerTrainer, validation_loader
from amcnet.training.run_folder import locked_run_folder, log_to_file
from amcnet.training.run_paths import BUNDLE_FOLDER, CURVES_FILE, HISTORY_FILE, last_checkpoint

logger = logging.getLogger(__name__)

_CALIBRATION_PATCHES = 60


def train_refiner(
    config: RefinementConfig,
    folder: Path,
    resume: bool = False,
    listener: TrainingListener | None = None,
) -> Bundle:
    """Train a refiner and return the model bundle in ``folder / "model"``, which has both stages.

    Args:
        config: The configuration.
        folder: The run folder: configuration, log, prepared data, labels of the first stage,
            checkpoint, metrics, curves and the bundle.
        resume: Resume from the run folder's last checkpoint; except for the schedule, the
            configuration must be the same.
        listener: Called after steps, at most once a second, and after each validation.

    Raises:
        ConfigError: If the configuration does not fit the data, or differs from that of the
            resumed run.
        InputError: If the data cannot be used.
        OutputError: If the run folder already contains a run, has none to resume, or is used by
            another training.
        TrainingError: If more than 1 % of the steps had gradients that are not finite.
    """
    with handled_signals() as interruption, locked_run_folder(folder):
        _claim_folder(config, folder, resume)
        with log_to_file(folder), explained_end(folder) as position:
            request = _RefinerRequest(config, folder, resume, listener)
            return _run(request, interruption, position)


@dataclass(frozen=True)
class _RefinerRequest:
    """The arguments of :func:`train_refiner`."""

    config: RefinementConfig
    folder: Path
    resume: bool
    listener: TrainingListener | None


def _run(run: _RefinerRequest, interruption: Interruption, position: RunPosition) -> Bundle:
    config, folder = run.config, run.folder
    commit = code_commit()
    torch.manual_seed(config.seed)
    model = load_bundle(config.refine)
    dataset = read_dataset(config.data.dataset)
    _check_table(model, dataset)
    preprocessing = config.preprocessing(model.description.preprocessing)
    prepared = prepare_dataset(dataset, preprocessing, folder / "prepared")
    make_first_stage(model, zip(dataset.cases, prepared.cases, strict=True), folder)
    split = _split(config, dataset)
    logger.info("%d cases for training, %d held out", len(split.train), len(split.val))
    check_decay(config.optimiser.decay, len(split.val))
    architecture = RefinerArchitecture(
        in_channels=len(dataset.channels), kinds=len(dataset.table.kinds), widths=config.widths
    )
    network = Refiner(architecture)
    if config.start_from_refiner:
        start_from_refiner(network, architecture, model)
    precision = choose_precision(config.precision, on_gpu=False)
    logger.info("in %s: %s", *precision)
    in_bfloat16 = precision.name == "bf16"
    trainer = RefinerTrainer(
        network, config.optimiser, config.schedule, folder, interruption, run.listener, in_bfloat16
    )
    position.step = lambda: trainer.step
    if run.resume:
        trainer.resume()
    training = _patches(config, prepared, folder, split.train, training=True)
    validation = None
    if split.val:
        held_out = _patches(config, prepared, folder, split.val, training=False)
        count = config.schedule.validation_windows * len(split.val)
        validation = validation_loader(held_out, count, config.optimiser.batch_size)
    trainer.fit(training, validation, partial(_report, folder, config))
    own = _patches(config, prepared, folder, split.train, training=False)
    trainer.calibrate(validation_loader(own, _CALIBRATION_PATCHES, config.optimiser.batch_size))
    description = RefinerDescription(
        architecture=architecture,
        kinds=dataset.table.kinds,
        spacing_mm=config.spacing_mm,
        patch=config.patches.shape,
        provenance=_provenance(config, trainer, commit),
    )
    said = f"{model.description.notice} Its second stage was trained on {config.data.description}."
    noted = replace(model, description=model.description.model_copy(update={"notice": said}))
    write_refined_bundle(folder / BUNDLE_FOLDER, noted, trainer.network, description)
    calibrate_on_raw(folder / BUNDLE_FOLDER, dataset, split.val)
    return load_bundle(folder / BUNDLE_FOLDER)


def start_from_refiner(network: Refiner, architecture: RefinerArchitecture, model: Bundle) -> None:
    """Initialise a network with the weights of a model's refiner.

    Args:
        network: The network, which is modified.
        architecture: Its sizes.
        model: The model.

    Raises:
        ConfigError: If the model has no refiner, or one of other sizes.
    """
    refiner = model.description.refiner
    if refiner is None:
        raise ConfigError(
            f"{model.folder}: has no refiner to start from, expected a model with one"
        )
    if refiner.architecture != architecture:
        raise ConfigError(
            f"found sizes {architecture.model_dump()}, expected those of the refiner of "
            f"{model.folder}: {refiner.architecture.model_dump()}"
        )
    weights = load_file(model.path(REFINER_WEIGHTS_FILE))
    network.load_state_dict({name: value.float() for name, value in weights.items()})


def _patches(
    config: RefinementConfig,
    prepared: PreparedDataset,
    folder: Path,
    names: tuple[str, ...],
    training: bool,
) -> BoundaryPatches:
    options = PatchOptions(
        shape=config.patches.shape,
        damaged_share=config.patches.damaged_share if training else 0.0,
        resized_share=config.patches.resized_share if training else 0.0,
        augmentation=config.augmentation if training else None,
        spacing_mm=config.spacing_mm,
        seed=config.seed,
    )
    cases = tuple(RefinementCase(case, folder) for case in prepared.cases if case.name in names)
    return BoundaryPatches(cases, prepared.table, options)


def _check_table(model: Bundle, dataset: Dataset) -> None:
    table = model.description.label_table
    if dataset.table != table:
        raise ConfigError(
            f"{dataset.folder}: has {count_text(len(dataset.table), 'structure')}, expected "
            "the label table of "
            f"{model.folder} with its {count_text(len(table), 'structure')}"
        )


def _split(config: RefinementConfig, dataset: Dataset) -> Split:
    data, names = config.data, [case.name for case in dataset.cases]
    if data.fold == "all":
        return Split(tuple(names), ())
    splits = find_splits(dataset.folder, names, config.seed, data.folds, data.validation_fraction)
    if data.fold >= len(splits):
        raise ConfigError(f"data.fold = {data.fold}, expected 0 to {len(splits) - 1}, or 'all'")
    return splits[data.fold]


def _report(folder: Path, config: RefinementConfig, history: list[EpochRow]) -> None:
    """Write the metrics of all epochs, and report the last one in one line."""
    write_history(history, folder / HISTORY_FILE)
    write_curves(history, folder / CURVES_FILE)
    row = history[-1]
    dice = "".join(f", {n.replace('_', ' ')} {row[n]:.3f}" for n in row if n.startswith("dice"))
    logger.info(
        "step %d of %d, loss %.3f%s, skipped %d, %.2f h",
        row["step"],
        config.schedule.steps,
        row["loss"],
        dice,
        row["skipped_steps"],
        row["hours"],
    )


def _provenance(config: RefinementConfig, trainer: RefinerTrainer, commit: str) -> Provenance:
    public = config.model_dump(mode="json")
    # Names instead of paths: models are shared, and folder names are private.
    public["data"]["dataset"] = config.data.dataset.name
    public["refine"] = Path(config.refine).name
    return Provenance(
        training_data=config.data.description,
        configuration=public,
        commit=commit,
        steps=trainer.step,
        hours=round(trainer.seconds / 3600, 2),
        hardware=f"1 x {platform.machine()}, {torch.get_num_threads()} threads",
        curve=[{name: float(f"{v:.5g}") for name, v in row.items()} for row in trainer.history],
    )


def _claim_folder(config: RefinementConfig, folder: Path, resume: bool) -> None:
    """Create the run folder, or check that its run can be resumed."""
    last, path = last_checkpoint(folder), folder / RUN_CONFIG_FILE
    if resume:
        if not last.exists():
            raise OutputError(
                f"{last}: is missing, expected the checkpoint of the run to resume; "
                "without --resume a new run starts"
            )
        try:
            content = read_small_file(path, "the run's configuration")
            earlier = RefinementConfig.model_validate_json(content)
        except (InputError, ValidationError) as error:
            raise ConfigError(
                f"{path}: cannot be read, expected the run's configuration"
            ) from error
        same = earlier.model_copy(update={"schedule": config.schedule})
        changed = [name for name, value in config if value != getattr(same, name)]
        if changed:
            raise ConfigError(
                f"{path}: differs from the configuration in {', '.join(changed)}, "
                "expected the same to resume"
            )
    elif last.exists():
        raise OutputError(f"{folder}: already holds a run, expected a new folder or --resume")
    write_atomically(path, config.model_dump_json(indent=1))
