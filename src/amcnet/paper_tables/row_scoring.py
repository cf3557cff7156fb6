"""From a trained row to its results: labels of the unseen hands, scored on their own grid."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from amcnet.bundle import Bundle, load_bundle
from amcnet.data import Dataset
from amcnet.data.dataset_layout import Case
from amcnet.inference import Segmenter
from amcnet.io import atomic_path, read_labels, read_volume
from amcnet.io.atomic_files import write_atomically
from amcnet.io.verified_files import copy_verified
from amcnet.metrics import evaluate_case, summarise_cases
from amcnet.paper_tables.row_results import (
    RowFacts,
    RowResult,
    figures_of,
    public_settings,
    write_row_result,
)
from amcnet.paper_tables.rows import PaperRow
from amcnet.paper_tables.scale import Scale
from amcnet.paper_tables.workspace import Workspace
from amcnet.parallel import Progress, no_progress, processors
from amcnet.training.run_paths import BUNDLE_FOLDER
from amcnet.training.training_config import TrainingConfig

_SECONDS = "seconds"


def score_row(
    row: PaperRow,
    config: TrainingConfig,
    scale: Scale,
    workspace: Workspace,
    unseen: Dataset,
    progress: Progress = no_progress,
) -> None:
    """Segment the unseen hands with a row's model, score them and write the row's results.

    The labels are those of the network without clean-up. Existing evaluations are kept.

    Args:
        row: The row, which has been trained.
        config: Its configuration.
        scale: The settings of all rows.
        workspace: The folder.
        unseen: The hands.
        progress: Called with (cases done, number of cases).
    """
    bundle = load_bundle(workspace.run(row.name) / BUNDLE_FOLDER)
    evaluations = workspace.evaluations(row.name)
    evaluations.mkdir(exist_ok=True)
    workspace.predictions(row.name).mkdir(exist_ok=True)
    segmenter = Segmenter(bundle.folder)
    for done, case in enumerate(unseen.cases):
        progress(done, len(unseen.cases))
        path = evaluations / f"{case.name}.json"
        if not path.is_file():
            labels = _labels(workspace, row, case)
            _write_json(path, _evaluate(segmenter, case, unseen, labels))
    progress(len(unseen.cases), len(unseen.cases))
    found = {
        case.name: json.loads((evaluations / f"{case.name}.json").read_text(encoding="utf-8"))
        for case in unseen.cases
    }
    workspace.results.mkdir(exist_ok=True)
    with atomic_path(workspace.pictured(row.name)) as temporary:
        copy_verified(_labels(workspace, row, unseen.cases[0]), temporary)
    provenance = bundle.description.provenance
    facts = RowFacts(
        row=row.name,
        dimension=row.dimension,
        loss=row.loss_text,
        settings=public_settings(config),
        data=scale.data.model_dump(mode="json"),
        parameters=_parameters(bundle),
        steps=provenance.steps,
        training_hours=provenance.hours,
        seconds_per_volume=median(evaluation[_SECONDS] for evaluation in found.values()),
        trained_on=provenance.hardware,
        segmented_on=_hardware(),
        commit=provenance.commit,
        structure_dice=_structure_dice(list(found.values())),
        curve=provenance.curve,
    )
    write_row_result(
        workspace.results, RowResult(facts, {n: figures_of(e) for n, e in found.items()})
    )


def _structure_dice(evaluations: Sequence[dict[str, Any]]) -> dict[str, float]:
    rows = summarise_cases(evaluations)["structures"]
    return {row["name"]: round(row["dice"], 6) for row in rows if row["dice"] is not None}


def _evaluate(segmenter: Segmenter, case: Case, unseen: Dataset, labels: Path) -> dict[str, Any]:
    """Segment a hand, keep its labels and return its evaluation, with the seconds it took."""
    found = segmenter(read_volume(case.images[0]), cleanup=False)
    found.write(labels, overwrite=True)
    truth = read_labels(case.labels, unseen.table)
    evaluation = evaluate_case(
        truth.array, found.labels, truth.spacing_mm, table=unseen.table
    ).to_json()
    # The network runs during the labelling and is part of its time.
    return {**evaluation, _SECONDS: found.seconds["resample"] + found.seconds["labels"]}


def _labels(workspace: Workspace, row: PaperRow, case: Case) -> Path:
    return workspace.predictions(row.name) / f"{case.name}.nrrd"


def _parameters(bundle: Bundle) -> int:
    from amcnet.networks import build_network

    network = build_network(bundle.description.architecture)
    return sum(parameter.numel() for parameter in network.parameters())


def _hardware() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {processors()} processors"


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, allow_nan=False))
