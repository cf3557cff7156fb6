"""From a folder of labelled volumes to everything that a training run needs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.anatomy import hand_label_table
from amcnet.bundle import Bundle, load_bundle
from amcnet.data.dataset_check import CheckReport
from amcnet.data.dataset_layout import Dataset
from amcnet.data.fingerprint import Fingerprint, make_fingerprint
from amcnet.data.preparation import prepare_dataset
from amcnet.data.prepared_store import CASE_FOLDER, PreparedDataset
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.splits import SPLIT_FILE, find_splits, write_splits
from amcnet.data.training_plan import Plan, plan_preprocessing
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io import atomic_path
from amcnet.networks import Architecture
from amcnet.parallel import Progress, no_progress
from amcnet.training.config_reading import CONFIG_FILE
from amcnet.training.config_template import TemplateValues, config_text

FINGERPRINT_FILE = "fingerprint.json"
LABEL_FILE = "dataset.json"
FORMER_CONFIG_FILE = "config.former.toml"

_WIDTH = 16  # a model of this width trains and runs on a laptop


@dataclass(frozen=True)
class PrepareOptions:
    """How a data set is prepared.

    Attributes:
        start_from: Model that will be fine-tuned: its grid, window and network are taken.
        spacing_mm: Spacing of the network's grid (scan, lateral, depth) instead of the plan's.
        window: Slices of a window instead of the plan's.
        folds: Folds of a cross-validation; one split of 75 % and 25 % where left out.
        seed: Decides the split and the training.
        jobs: Number of processes.
    """

    start_from: str | None = None
    spacing_mm: tuple[float, float, float] | None = None
    window: int | None = None
    folds: int | None = None
    seed: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        if self.start_from is not None and (self.spacing_mm or self.window):
            raise ConfigError(
                "found a model to start from and a spacing or window, expected one of them: "
                "the model brings its own"
            )
        if self.window is not None and self.window < 1:
            raise ConfigError(f"window: found {self.window}, expected 1 or more slices")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed: found {self.seed}, expected 0 to {2**32 - 1}")


@dataclass(frozen=True)
class Preparation:
    """What was prepared.

    Attributes:
        dataset: The prepared data set.
        config: A training configuration for it.
        reasons: Why its settings are what they are, and which structures got lost.
    """

    dataset: PreparedDataset
    config: Path
    reasons: tuple[str, ...]


def prepare(
    report: CheckReport,
    out: Path,
    options: PrepareOptions = PrepareOptions(),
    progress: Progress = no_progress,
) -> Preparation:
    """Prepare a data set that has been checked, and write a training configuration for it.

    Args:
        report: What :func:`amcnet.data.dataset_check.check_dataset` returned.
        out: Folder to write to: the cases on the network's grid, ``config.toml``, the split,
            the label names and the fingerprint. Made cases are kept when the call is repeated.
        options: How.
        progress: Called with (cases done, cases in all).

    Raises:
        InputError: If the report has errors, or the folds do not fit the cases.
        OutputError: If ``out`` lies in the data set, which is never written to, or holds anything
            but an earlier preparation.
    """
    dataset = report.dataset
    if dataset is None or report.errors:
        raise InputError(f"the data set has {len(report.errors)} errors, expected none")
    if out.resolve().is_relative_to(dataset.folder.resolve()):
        raise OutputError(f"{out}: lies in the data set, expected a folder outside it")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file, expected a folder")
    if out.exists() and any(out.iterdir()) and not (out / CASE_FOLDER).is_dir():
        raise OutputError(f"{out}: holds other files, expected a folder for prepared data alone")
    (out / CASE_FOLDER).mkdir(parents=True, exist_ok=True)
    fingerprint = make_fingerprint(report.facts, dataset)
    plan, bundle = _choose_plan(fingerprint, dataset, options)
    names = [case.name for case in dataset.cases]
    splits = find_splits(dataset.folder, names, options.seed, options.folds)
    write_splits(out / SPLIT_FILE, splits)
    prepared = prepare_dataset(dataset, plan.preprocessing, out, options.jobs, progress)
    _write_text(out / FINGERPRINT_FILE, fingerprint.model_dump_json(indent=1))
    _write_text(out / LABEL_FILE, _label_names(dataset))
    reasons = (*plan.reasons, *_lost_structures(report, prepared))
    network = {"width": _WIDTH} if bundle is None else _sizes(bundle)
    values = TemplateValues(
        name=_model_name(dataset.folder),
        seed=options.seed,
        start_from=None if bundle is None else str(bundle.folder.resolve()),
        description=f"{dataset.folder.resolve().name}: {len(dataset.cases)} labelled volumes, "
        "a part of them held out",
        network=Architecture(
            num_classes=dataset.table.num_classes, in_channels=len(dataset.channels), **network
        ),
        window=plan.window,
        is_hand=dataset.table == hand_label_table(),
        reasons=reasons,
    )
    reasons = (*reasons, *_write_config(out, config_text(values)))
    return Preparation(prepared, out / CONFIG_FILE, reasons)


def _lost_structures(report: CheckReport, prepared: PreparedDataset) -> list[str]:
    """Say which structures are too small for the network's grid, and in how many cases."""
    voxels = {case.name: case.voxels for case in report.facts}
    lost = []
    for structure in prepared.table:
        had = [case for case in prepared.cases if structure.value in voxels[case.name]]
        gone = sum(not case.counts[:, structure.value].any() for case in had)
        if gone:
            lost.append(f"'{structure.name}' (in {gone} of {len(had)} cases)")
    if not lost:
        return []
    return [f"beware: the network's grid is too coarse for {', '.join(lost)}: no voxel is left"]


def _write_config(out: Path, text: str) -> list[str]:
    """Write the configuration; one that was there, perhaps edited, is kept beside it."""
    path, former = out / CONFIG_FILE, out / FORMER_CONFIG_FILE
    kept = path.exists() and path.read_text(encoding="utf-8") != text
    if kept:
        path.replace(former)
    _write_text(path, text)
    return [f"the former {CONFIG_FILE} differs and is kept as {FORMER_CONFIG_FILE}"] if kept else []


def _sizes(bundle: Bundle) -> dict[str, Any]:
    """Return what two networks must share for one to start from the other."""
    return bundle.description.architecture.model_dump(exclude={"num_classes", "in_channels"})


def _choose_plan(
    fingerprint: Fingerprint, dataset: Dataset, options: PrepareOptions
) -> tuple[Plan, Bundle | None]:
    if options.start_from is not None:
        bundle = load_bundle(options.start_from)
        description = bundle.description
        reason = f"grid, window and network are those of the model '{description.name}'"
        return Plan(description.preprocessing, description.window, (reason,)), bundle
    plan = plan_preprocessing(fingerprint, dataset)
    preprocessing, window, reasons = plan.preprocessing, plan.window, list(plan.reasons)
    if options.spacing_mm is not None:
        values = preprocessing.model_dump() | {"spacing_mm": options.spacing_mm}
        preprocessing = Preprocessing.model_validate(values)
        reasons.append("the spacing was given instead")
    if options.window is not None:
        window = options.window
        reasons.append("the window was given instead")
    return Plan(preprocessing, window, tuple(reasons)), None


def _label_names(dataset: Dataset) -> str:
    """Return the label names as nnU-Net writes them: ``amcnet evaluate --labels`` takes them."""
    return json.dumps({"labels": dataset.table.values_by_name}, indent=1)


def _model_name(folder: Path) -> str:
    """Return the folder's name without what a model's name may not hold."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-_.")
    return name or "model"


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
