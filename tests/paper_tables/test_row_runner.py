"""The whole way on tiny hands: data, training, labels, figures, page, and going on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from amcnet.data import read_dataset
from amcnet.errors import ConfigError, OutputError
from amcnet.io import read_labels
from amcnet.metrics import evaluate_case
from amcnet.paper_tables.row_results import read_row_result
from amcnet.paper_tables.row_runner import RowTask, run_rows
from amcnet.paper_tables.row_scoring import score_row
from amcnet.paper_tables.rows import paper_tables
from amcnet.paper_tables.scale import Scale, read_scale
from amcnet.paper_tables.table_run import run_table
from amcnet.paper_tables.workspace import Workspace

from .tiny_scale import SCALE

ROWS = ("unet", "amcnet-ac")


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    path = tmp_path_factory.mktemp("scale") / "tiny.toml"
    path.write_text(SCALE)
    return read_scale(str(path))


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def workspace(scale: Scale, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder in which a row was ended after its first hand, and all were finished then."""
    tables = Workspace(tmp_path_factory.mktemp("tables") / "tiny")

    def stop(done: int, total: int) -> None:
        if done == 1 and tables.evaluations("unet").is_dir():
            raise KilledError

    with pytest.raises(KilledError):
        run_table("table1", scale, tables, ("unet",), progress=stop)
    assert len(list(tables.evaluations("unet").iterdir())) == 1
    assert not tables.results.exists()
    run_table("table1", scale, tables, ROWS)
    return tables


def test_the_dice_of_every_structure(workspace: Workspace, scale: Scale, tmp_path: Path) -> None:
    copy = Workspace(shutil.copytree(workspace.folder, tmp_path / "copy"))
    unseen = read_dataset(copy.unseen)
    expected: dict[str, list[float]] = {}
    for case in unseen.cases:
        truth = read_labels(case.labels, unseen.table)
        own = np.roll(truth.array, 1, axis=0)
        evaluation = evaluate_case(truth.array, own, truth.spacing_mm, 39, unseen.table)
        path = copy.evaluations("unet") / f"{case.name}.json"
        path.write_text(json.dumps({**evaluation.to_json(), "seconds": 1.0}))
        for value, structure in enumerate(unseen.table.structures, 1):
            one, other = truth.array == value, own == value
            if one.any():
                dice = 2 * (one & other).sum() / (one.sum() + other.sum())
                expected.setdefault(structure.name, []).append(dice)
    row = paper_tables().rows["unet"]
    score_row(row, scale.training_config(row, copy.prepared), scale, copy, unseen)
    result = read_row_result(copy.results, "unet")
    assert result is not None
    means = {name: sum(values) / len(values) for name, values in expected.items()}
    assert result.facts.structure_dice == pytest.approx(means, abs=1e-6)
    assert any(means.values())


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there(workspace: Workspace) -> None:
    assert {path.name for path in workspace.results.iterdir()} == {
        *(f"{row}.{kind}" for row in ROWS for kind in ("csv", "json", "nrrd")),
        "table1.png",
        "table1-structures.png",
    }
    first = sorted(workspace.predictions("unet").iterdir())[0]
    assert workspace.pictured("unet").read_bytes() == first.read_bytes()
    text = (workspace.folder / "table1.md").read_text()
    assert "AMCNet + AC (ours)" in text
    assert "2 steps" in text
    log = (workspace.run("unet") / "run.log").read_text()
    assert log.count("cases for training") == 1  # it was not trained again


def test_finished_rows_are_kept(workspace: Workspace, scale: Scale) -> None:
    before = _times(workspace.folder / "rows")
    run_table("table1", scale, workspace, ROWS)
    assert _times(workspace.folder / "rows") == before


def test_other_settings_need_another_folder(workspace: Workspace, scale: Scale) -> None:
    schedule = {**scale.training["schedule"], "steps": 3}
    longer = scale.model_copy(update={"training": {**scale.training, "schedule": schedule}})
    tasks = [RowTask(paper_tables().rows["unet"])]
    with pytest.raises(ConfigError, match="was made with another schedule, expected the current"):
        list(run_rows(tasks, longer, workspace))
    (workspace.results / "unet.json").rename(workspace.results / "unet.away")
    try:
        with pytest.raises(ConfigError, match="another schedule, expected the current"):
            list(run_rows(tasks, longer, workspace))
        fewer = scale.model_copy(update={"data": scale.data.model_copy(update={"unseen": 1})})
        with pytest.raises(OutputError, match="holds 2 phantoms, expected 1: choose another"):
            list(run_rows(tasks, fewer, workspace))
    finally:
        (workspace.results / "unet.away").rename(workspace.results / "unet.json")
