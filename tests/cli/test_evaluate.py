import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.evaluate import PresetChoice
from amcnet.cli.main import app
from amcnet.errors import InputError
from amcnet.io import Geometry, write_labels
from amcnet.metrics import Preset


def write(folder: Path, name: str, shift: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    labels = np.zeros((6, 12, 10), np.uint8)
    labels[1:5, 2 + shift : 6 + shift, 2:6] = 3
    geometry = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
    write_labels(folder / name, labels, geometry, hand_label_table())


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    references, predictions = tmp_path / "r", tmp_path / "p"
    for name in "abc":
        write(references, f"{name}.nii.gz")
    write(predictions, "a.seg.nrrd", shift=2)
    write(predictions, "z.nrrd")
    return [str(references), str(predictions)]


def evaluate(*arguments: str):
    return CliRunner().invoke(app, ["evaluate", *arguments])


def test_folders_and_presets(folders: list[str], tmp_path: Path) -> None:
    target = tmp_path / "scores.json"
    strict = evaluate(*folders, "--json", str(target), "--tolerance", "1")
    assert strict.exit_code == 0, strict.output
    assert "2 without a prediction, counted as missed: b, c" in strict.stderr
    assert "1 without a reference, skipped: z.nrrd" in strict.stderr
    result = json.loads(target.read_text())
    assert result["headline"]["all"]["dice_macro"] == pytest.approx(0.5 / 3)
    assert result["cases"]["a"]["structures"][2]["surface_dice_1mm"] > 0
    paper = evaluate(*folders, "--json", str(target), "--preset", "paper", "--overwrite")
    assert "2 without a prediction, skipped: b, c" in paper.stderr
    assert list(json.loads(target.read_text())["cases"]) == ["a"]
    assert "0.500" in paper.stdout


def test_a_bad_pair_is_told_and_the_rest_is_written(folders: list[str], tmp_path: Path) -> None:
    (tmp_path / "p" / "b.nrrd").write_bytes(b"damaged")
    target = tmp_path / "scores.json"
    done = evaluate(*folders, "--json", str(target))
    assert done.exit_code == 2
    assert "b.nrrd" in done.stderr
    assert "1 of 3 cases not evaluated: b" in done.stderr
    assert list(json.loads(target.read_text())["cases"]) == ["a", "c"]


def test_voxels_to_ignore_are_those_of_the_reference(folders: list[str], tmp_path: Path) -> None:
    description = {"labels": {"background": 0, "one": 1, "two": 2, "ignore": 3}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    target, named = tmp_path / "scores.json", ["--labels", str(tmp_path / "dataset.json")]
    reference, prediction = (str(Path(folder) / "a.nrrd") for folder in folders)
    geometry = Geometry.canonical((6, 12, 10), (1.0, 1.0, 1.0))
    truth, judged = np.zeros((2, 6, 12, 10), np.uint8)
    truth[1:3], truth[3:5, :6] = 1, 3
    judged[1:5] = 1
    for path, labels in ((reference, truth), (prediction, judged)):
        write_labels(path, labels, geometry, hand_label_table())
    done = evaluate(reference, prediction, *named, "--json", str(target))
    assert done.exit_code == 0, done.output
    row = json.loads(target.read_text())["structures"][0]
    assert (row["reference_voxels"], row["prediction_voxels"]) == (240, 240 + 120)


def test_a_file_and_a_folder_do_not_fit(folders: list[str]) -> None:
    file = str(Path(folders[1]) / "z.nrrd")
    for pair, expected in (
        ((folders[0], file), "expected a folder"),
        ((file, folders[1]), "expected a file"),
    ):
        done = evaluate(*pair)
        assert isinstance(done.exception, InputError)
        assert expected in str(done.exception)


def test_choices_are_the_presets() -> None:
    assert [choice.value for choice in PresetChoice] == [preset.value for preset in Preset]


def test_background_alone_is_no_error(tmp_path: Path) -> None:
    geometry = Geometry.canonical((4, 5, 6), (0.5, 0.4, 0.3))
    path = tmp_path / "empty.seg.nrrd"
    write_labels(path, np.zeros((4, 5, 6), np.uint8), geometry, hand_label_table())
    done = CliRunner().invoke(app, ["evaluate", str(path), str(path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "structures" in done.output
