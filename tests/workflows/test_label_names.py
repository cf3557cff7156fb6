import json
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.bundle import default_bundle_folder
from amcnet.errors import InputError, ModelError
from amcnet.io import Geometry, write_labels
from amcnet.workflows.evaluate.files import evaluate_files
from amcnet.workflows.label_names import find_label_table
from amcnet.workflows.output_files import write_json


def write_case(path: Path, labels: np.ndarray, spacing_mm: tuple[float, float, float]) -> Path:
    write_labels(path, labels, Geometry.canonical(labels.shape, spacing_mm), hand_label_table())
    return path


@pytest.fixture
def labels() -> np.ndarray:
    volume = np.zeros((8, 9, 10), np.uint8)
    volume[2:6, 2:6, 2:6] = 14
    return volume


def test_json_output(tmp_path: Path, labels: np.ndarray) -> None:
    path = write_case(tmp_path / "a.nrrd", labels, (1, 1, 1))
    target = tmp_path / "scores.json"
    write_json(target, evaluate_files(path, path, hand_label_table()).to_json())
    assert json.loads(target.read_text())["summary"]["dice_macro"] == 1


def test_label_tables_by_data_set_and_by_model(
    tmp_path: Path, models_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = {"labels": {"background": 0, "liver": 1, "spleen": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    assert [s.name for s in find_label_table(tmp_path / "dataset.json")] == ["liver", "spleen"]
    hand = default_bundle_folder()
    for source in ("hand", hand, str(hand), hand / "model.json"):
        assert find_label_table(source) == hand_label_table()
    monkeypatch.chdir(tmp_path)
    # A file is what it says, even where a model has that name.
    (tmp_path / "hand").write_text(json.dumps(description))
    assert len(find_label_table("hand")) == 2
    with pytest.raises(InputError, match=r"none\.json: is missing"):
        find_label_table("none.json")
    with pytest.raises(ModelError, match=r"model\.json: is missing"):
        find_label_table(tmp_path)
