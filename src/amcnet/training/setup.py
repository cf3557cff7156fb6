"""Prepare a folder of labelled volumes for training: data, split and configuration."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle, load_bundle
from amcnet.data.dataset_check import CheckReport
from amcnet.data.dataset_layout import Dataset
from amcnet.data.fingerprint import Fingerprint, make_fingerprint
from amcnet.data.grid_ceiling import grid_ceiling
from amcnet.data.preparation import prepare_dataset, read_case_labels
from amcnet.data.prepared_store import CASE_FOLDER, PreparedDataset
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.splits import SPLIT_FILE, find_splits, write_splits
from amcnet.data.training_plan import Plan, PlanBudget, plan_preprocessing
from amcnet.errors import ConfigError, InputError, OutputError, count_text
from amcnet.io.atomic_files import write_atomically
from amcnet.io.file_lock import LOCK_FILE, held_lock
from amcnet.io.geometry import Triple
from amcnet.networks import Architecture
from amcnet.networks.registry import complete
from amcnet.parallel import Progress, no_progress
from amcnet.training.config_reading import CONFIG_FILE
from amcnet.training.config_template import TemplateValues, config_text
from amcnet.training.config_writing import discard_config, write_config
from amcnet.training.refinement.refiner_config_reading import REFINER_CONFIG_FILE
from amcnet.training.refinement.refiner_template import RefinerTemplateValues, refiner_config_text
from amcnet.training.start_plan import Ceiling, choose_recipe, plan_start
from amcnet.training.start_remarks import looks_like_ultrasound, start_remarks
from amcnet.training.time_plan import SIZES, measure_speed, plan_for_time

FINGERPRINT_FILE = "fingerprint.json"
LABEL_FILE = "dataset.json"

_REFINER_REASON = (
    f"{REFINER_CONFIG_FILE} trains only the second stage on these cases: in the same time it gains "
    "more than training the network, unless structures are missed or have wrong names"
)
_CASES_LOOKED_AT = 3  # files examined to plan the grid, which reads each one again


@dataclass(frozen=True)
class PrepareOptions:
    """Options of :func:`prepare`.

    Attributes:
        start_from: Model to fine-tune; its grid, window and network are used.
        spacing_mm: Spacing of the network's grid (scan, lateral, depth), instead of the planned
            one.
        window: Slices of a window, instead of the planned number.
        folds: Folds of a cross-validation; None for one split of 75 % and 25 %.
        seed: Seed of the split and the training.
        jobs: Number of processes.
        max_hours: Time for training: the size of the network is planned for this time and this
            machine.
    """

    start_from: str | None = None
    spacing_mm: tuple[float, float, float] | None = None
    window: int | None = None
    folds: int | None = None
    seed: int = 0
    jobs: int = 1
    max_hours: float | None = None

    def __post_init__(self) -> None:
        if self.start_from is not None and (self.spacing_mm or self.window):
            raise ConfigError(
                "found a model to start from and a spacing or window, expected only one of "
                "them: the model determines spacing and window"
            )
        if self.window is not None and self.window < 1:
            raise ConfigError(f"window: found {self.window}, expected 1 or more slices")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed: found {self.seed}, expected 0 to {2**32 - 1}")


@dataclass(frozen=True)
class Preparation:
    """A prepared data set and its configuration.

    Attributes:
        dataset: The prepared data set.
        config: A training configuration for it.
        refiner_config: A configuration that trains only the refiner of the starting model further;
            None without a refiner for these labels and channels.
        reasons: Reasons for its settings, and remarks.
    """

    dataset: PreparedDataset
    config: Path
    refiner_config: Path | None
    reasons: tuple[str, ...]


def prepare(
    report: CheckReport,
    out: Path,
    options: PrepareOptions = PrepareOptions(),
    progress: Progress = no_progress,
) -> Preparation:
    """Prepare a data set that has been checked, and write a training configuration for it.

    Args:
        report: Report of :func:`amcnet.data.dataset_check.check_dataset`.
        out: Output folder: the cases on the network's grid, ``config.toml``, the split, the label
            names and the fingerprint. Finished cases are kept if the call is repeated.
        options: Options.
        progress: Called with (cases done, number of cases).

    Raises:
        InputError: If the report has errors, or the folds do not fit the cases.
        OutputError: If ``out`` lies in the data set, which is never modified, contains anything but
            an earlier preparation, or another command is preparing data there.
    """
    dataset = report.dataset
    if dataset is None or report.errors:
        first = f", the first: {report.errors[0].what}" if report.errors else ""
        raise InputError(
            f"the data set has {count_text(len(report.errors), 'error')}, expected none{first}"
        )
    if out.resolve().is_relative_to(dataset.folder.resolve()):
        raise OutputError(f"{out}: lies in the data set, expected a folder outside it")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file, expected a folder")
    if out.exists() and any(out.iterdir()) and not (out / CASE_FOLDER).is_dir():
        raise OutputError(f"{out}: holds other files, expected a folder for prepared data only")
    try:
        (out / CASE_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: could not be created ({error.strerror})") from error
    with held_lock(out / LOCK_FILE, f"{out}: another command is preparing data there"):
        return _prepare(dataset, report, out, options, progress)


def _prepare(
    dataset: Dataset, report: CheckReport, out: Path, options: PrepareOptions, progress: Progress
) -> Preparation:
    fingerprint = make_fingerprint(report.properties, dataset)
    plan, bundle, width = _choose_plan(fingerprint, dataset, options)
    network = {"width": width} if bundle is None else _sizes(bundle)
    names = [case.name for case in dataset.cases]
    splits = find_splits(dataset.folder, names, options.seed, options.folds)
    write_splits(out / SPLIT_FILE, splits)
    prepared = prepare_dataset(dataset, plan.preprocessing, out, options.jobs, progress)
    write_atomically(out / FINGERPRINT_FILE, fingerprint.model_dump_json(indent=1))
    write_atomically(out / LABEL_FILE, _label_names(dataset))
    model = None if bundle is None else bundle.description
    recipe = choose_recipe(
        dataset.table, len(names), model, looks_like_ultrasound(report.properties)
    )
    if options.folds is not None or (dataset.folder / SPLIT_FILE).exists():
        recipe = recipe.with_held_out_cases()
    reasons = (*plan.reasons, *recipe.reasons, *_lost_structures(report, prepared))
    if model is not None:
        reasons = (*reasons, *start_remarks(dataset, report.properties, model))
    values = TemplateValues(
        name=_model_name(dataset.folder),
        seed=options.seed,
        start_from=None if bundle is None else str(bundle.folder.resolve()),
        description=f"{dataset.folder.resolve().name}: {len(names)} labelled volumes, "
        + ("some of them held out" if recipe.holds_out else "none of them held out"),
        network=Architecture(
            num_classes=dataset.table.num_classes, in_channels=len(dataset.channels), **network
        ),
        window=plan.window,
        recipe=recipe,
        reasons=reasons,
        max_hours=options.max_hours,
    )
    reasons = (*reasons, *write_config(out / CONFIG_FILE, config_text(values)))
    refiner_config = out / REFINER_CONFIG_FILE
    text = None if bundle is None else _refiner_config(bundle, dataset, values)
    if text is None:
        discard_config(refiner_config)
        return Preparation(prepared, out / CONFIG_FILE, None, reasons)
    reasons = (*reasons, _REFINER_REASON, *write_config(refiner_config, text))
    return Preparation(prepared, out / CONFIG_FILE, refiner_config, reasons)


def _refiner_config(bundle: Bundle, dataset: Dataset, values: TemplateValues) -> str | None:
    """Return a configuration for the refiner of the starting model; None without a fitting one."""
    refiner = bundle.description.refiner_for(dataset.table, len(dataset.channels))
    if refiner is None:
        return None
    return refiner_config_text(
        RefinerTemplateValues(
            name=f"{values.name}-refiner",
            seed=values.seed,
            model=bundle.folder.resolve(),
            refiner=refiner,
            dataset=dataset.folder.resolve(),
            description=values.description,
            holds_out=values.recipe.holds_out,
            reasons=(_REFINER_REASON,),
            max_hours=values.max_hours or values.recipe.max_hours,
        )
    )


def _lost_structures(report: CheckReport, prepared: PreparedDataset) -> list[str]:
    """Return a remark on structures that are too small for the network's grid, with case counts."""
    voxels = {case.name: case.voxels for case in report.properties}
    lost = []
    for structure in prepared.table:
        had = [case for case in prepared.cases if structure.value in voxels[case.name]]
        gone = sum(not case.counts[:, structure.value].any() for case in had)
        if gone:
            lost.append(f"'{structure.name}' (in {gone} of {len(had)} cases)")
    if not lost:
        return []
    return [f"beware: the network's grid is too coarse for {', '.join(lost)}: no voxel is left"]


def _sizes(bundle: Bundle) -> dict[str, Any]:
    """Return the settings that two networks must share for one to start from the other."""
    try:
        architecture = complete(bundle.description.architecture)
    except ValueError as error:  # a network from the user's own training loop
        raise ConfigError(f"{bundle.folder}: cannot be a starting point: {error}") from error
    return architecture.model_dump(exclude={"num_classes", "in_channels"})


def _choose_plan(
    fingerprint: Fingerprint, dataset: Dataset, options: PrepareOptions
) -> tuple[Plan, Bundle | None, int]:
    """Return grid, window and normalisation, the model to start from, and the network's width."""
    if options.start_from is not None:
        bundle = load_bundle(options.start_from)
        plan = plan_start(bundle.description, fingerprint, _ceiling_of(dataset, bundle))
        return plan, bundle, SIZES[0].width  # the model determines it
    size = SIZES[0]
    time_reasons: tuple[str, ...] = ()
    if options.max_hours is not None:

        def window_voxels(budget: PlanBudget) -> int:
            return _window_voxels(fingerprint, _plan(fingerprint, dataset, options, budget))

        time_plan = plan_for_time(options.max_hours, measure_speed(), window_voxels)
        size, time_reasons = time_plan.size, time_plan.reasons
    plan = _plan(fingerprint, dataset, options, size.budget)
    return replace(plan, reasons=(*plan.reasons, *time_reasons)), None, size.width


def _ceiling_of(dataset: Dataset, bundle: Bundle) -> Ceiling:
    """Return a function from a grid to the best Dice that it allows for the first cases."""
    read: list[tuple[NDArray[np.uint8], Triple]] = []

    def ceiling(preprocessing: Preprocessing) -> float | None:
        if (
            dataset.table == bundle.description.label_table
        ):  # the model's grid needs these to be compared with it
            return None
        if not read:
            read.extend(read_case_labels(c, dataset) for c in dataset.cases[:_CASES_LOOKED_AT])
        found = [grid_ceiling(labels, mm, preprocessing) for labels, mm in read]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None

    return ceiling


def _plan(
    fingerprint: Fingerprint, dataset: Dataset, options: PrepareOptions, budget: PlanBudget
) -> Plan:
    plan = plan_preprocessing(fingerprint, dataset, budget)
    preprocessing, window, reasons = plan.preprocessing, plan.window, list(plan.reasons)
    if options.spacing_mm is not None:
        values = preprocessing.model_dump() | {"spacing_mm": options.spacing_mm}
        preprocessing = Preprocessing.model_validate(values)
        reasons.append("the spacing was given instead")
    if options.window is not None:
        window = options.window
        reasons.append("the window was given instead")
    return Plan(preprocessing, window, tuple(reasons))


def _window_voxels(fingerprint: Fingerprint, plan: Plan) -> int:
    """Return the number of voxels of a window of the median volume."""
    _, lateral, depth = plan.preprocessing.network_shape(fingerprint.shape, fingerprint.spacing_mm)
    return plan.window * lateral * depth


def _label_names(dataset: Dataset) -> str:
    """Return the label names in nnU-Net's format, for ``amcnet evaluate --labels``."""
    return json.dumps({"labels": dataset.table.values_by_name}, indent=1)


def _model_name(folder: Path) -> str:
    """Return the folder's name without characters that are not allowed in a model's name."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-_.")
    return name or "model"
