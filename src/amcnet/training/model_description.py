"""Description of a trained model."""

import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from amcnet.bundle import Bundle, BundleDescription, Provenance
from amcnet.data.splits import Split
from amcnet.training.data_source import DataSource
from amcnet.training.hardware import hardware_of
from amcnet.training.history import EpochRow
from amcnet.training.label_components import several_components
from amcnet.training.task import SegmentationTask
from amcnet.training.training_config import TrainingConfig

NOTICE = "Not a medical device; for research only."

_PHANTOM = re.compile(r"hand_(\d{6,})")


@dataclass(frozen=True)
class Origin:
    """Origin of a model.

    Attributes:
        source: The data set.
        split: Which of its cases were used for training.
        commit: Commit of the code.
        started_from: The model whose weights initialised it, if any, and which weights these are.
    """

    source: DataSource
    split: Split
    commit: str
    started_from: tuple[Bundle, str] | None


def describe_model(
    config: TrainingConfig, task: SegmentationTask, origin: Origin
) -> BundleDescription:
    """Return the description of a trained model, without the checksums of its files."""
    seeds = [int(m[1]) for name in origin.split.train if (m := _PHANTOM.fullmatch(name))]
    public = config.model_dump(mode="json")
    # Names instead of paths: models are shared, and folder names are private.
    public["data"]["dataset"] = config.data.dataset.name
    if config.start_from is not None:
        public["start_from"] = Path(config.start_from).name
    before = weights = None
    if origin.started_from is not None:
        bundle, weights = origin.started_from
        before = bundle.description.provenance
    return BundleDescription(
        name=config.name,
        licence=config.licence,
        notice=f"Trained on {config.data.description}. {NOTICE}",
        architecture=config.network,
        preprocessing=origin.source.preprocessing,
        window=config.sampling.window,
        shortest_window=config.sampling.shortest_window,
        mirror_axes=config.augmentation.mirror_axes
        if config.augmentation.mirror_probability > 0
        else (),
        labels=origin.source.table.to_dicts(),
        several_components=_several_components(origin),
        provenance=Provenance(
            training_data=config.data.description,
            configuration=public,
            phantom_seeds=seeds,
            commit=origin.commit,
            started_from=weights,
            before=before,
            steps=task.global_step,
            hours=round(task.clock.seconds / 3600, 2),
            hardware=hardware_of(task.trainer),
            curve=[_finite(row) for row in task.history],
        ),
        sha256={},
    )


def _several_components(origin: Origin) -> tuple[int, ...]:
    source = origin.source
    cases = [case for case in source.open().cases if case.name in origin.split.train]
    return several_components(cases, source.preprocessing.spacing_mm, len(source.table))


def _finite(row: EpochRow) -> EpochRow:
    return {name: float(f"{value:.5g}") for name, value in row.items() if math.isfinite(value)}


def code_commit(tree: Path = Path(__file__).parents[3]) -> str:
    """Return the commit of the source tree if the package is run from one."""
    if not (tree / ".git").exists():  # an installed package, perhaps inside another repository
        return "unknown"
    command = ["git", "-C", str(tree), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
