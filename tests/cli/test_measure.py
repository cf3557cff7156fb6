import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.cli.main import app
from amcnet.errors import InputError, OutputError
from amcnet.io import Geometry, write_labels

SPACING_MM = (0.5, 0.4, 0.25)


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    """A thumb's distal phalanx and its epiphysis, half as wide."""
    labels = np.zeros((40, 24, 24), np.uint8)
    labels[2:22, 4:20, 8:16] = 1
    labels[24:27, 8:16, 8:16] = 2
    path = tmp_path / "hand.seg.nrrd"
    write_labels(path, labels, Geometry.canonical(labels.shape, SPACING_MM), hand_label_table())
    return path


def measure(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


def test_sizes_are_printed(hand: Path) -> None:
    done = measure(hand)
    assert done.exit_code == 0, done.output
    lines = {line[:46].strip(): line.split() for line in done.stdout.splitlines()}
    assert lines["distal phalanx of thumb"][-5:-2] == ["10.0", "6.4", "2.0"]
    assert lines["epiphysis of distal phalanx of thumb"][-1] == "0.50"
    assert lines["fifth metacarpal bone"][-5:] == ["-"] * 5
    assert "ratio: width of the epiphysis over that of its shaft's end." in done.stdout


def test_tables_fit_80_columns_with_whole_names(tmp_path: Path) -> None:
    names = ["手の骨" * 6, "a structure with a name that is quite long", "one that is longer " * 5]
    labels = np.zeros((60, 50, 40), np.uint8)
    labels[2:58, 2:48, 2:12], labels[2:9, 2:9, 20:30], labels[30:40, 2:9, 20:30] = 1, 2, 3
    path = tmp_path / "long.seg.nrrd"
    table = LabelTable.from_names(names)
    write_labels(path, labels, Geometry.canonical(labels.shape, (5.0, 5.0, 5.0)), table)
    head, *lines = measure(path).stdout.splitlines()
    assert head == f"{path}:"
    assert all(any(name.strip() in line for line in lines) for name in names)
    assert all(cell_len(line) <= 80 for line in lines if line.strip() != names[2].strip())
    ends = {cell_len(line) for line in lines if line and line[-1].isdigit()}
    assert len(ends) == 1  # columns are aligned, whatever the names' characters


def test_one_table_of_all_files_and_status_2_for_a_bad_one(hand: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mha"
    bad.write_bytes(b"")
    done = measure(bad, tmp_path, "-o", tmp_path / "t.csv")
    assert done.exit_code == 2
    assert f"{hand}: 2 of 38 structures measured" in done.stdout
    errors = done.stderr.splitlines()
    assert errors[0].startswith(f"amcnet: {bad}: ")
    assert errors[-1] == f"amcnet: 1 of 2 not measured: {bad}"
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["file"] for row in rows} == {str(hand)}
    assert rows[1]["epiphysis_to_shaft_width_ratio"] == "0.500"


def test_nothing_is_written_where_all_failed(tmp_path: Path) -> None:
    done = measure(tmp_path / "none.nrrd", "-o", tmp_path / "t.json")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_other_labels_and_axes(tmp_path: Path) -> None:
    labels = np.zeros((6, 10, 12), np.uint8)
    labels[1:5, 2:4, 3:9] = 2
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    write_labels(tmp_path / "a.nrrd", labels, geometry, hand_label_table())
    description = {"labels": {"background": 0, "liver": 1, "spleen": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    output = tmp_path / "t.json"
    named = ["--labels", tmp_path / "dataset.json", "--axes", "scan,lateral,depth"]
    done = measure(tmp_path / "a.nrrd", *named, "-o", output)
    assert done.exit_code == 0, done.output
    file = json.loads(output.read_text())["files"][0]
    assert file["spacing_mm"] == {"scan": 0.25, "lateral": 0.4, "depth": 0.5}
    liver, spleen = file["structures"]
    assert (liver["name"], liver["present"], liver["length_mm"]) == ("liver", False, None)
    assert spleen["length_mm"] == pytest.approx(2.0)
    assert not any("ratio" in key for key in spleen)


def test_the_ignore_label_of_a_data_set_is_background(tmp_path: Path) -> None:
    labels = np.zeros((6, 10, 12), np.uint8)
    labels[1:5, 2:4, 3:9] = 1
    labels[1:5, 2:4, 3:5] = 2
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    write_labels(tmp_path / "a.nrrd", labels, geometry, hand_label_table())
    description = {"labels": {"background": 0, "liver": 1, "ignore": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    named = ["--labels", tmp_path / "dataset.json"]
    done = measure(tmp_path / "a.nrrd", *named, "-o", tmp_path / "t.json")
    assert done.exit_code == 0, done.output
    (liver,) = json.loads((tmp_path / "t.json").read_text())["files"][0]["structures"]
    assert liver["voxels"] == 4 * 2 * 4


def test_outputs_and_folders_are_checked_before_any_work(hand: Path, tmp_path: Path) -> None:
    for name, words in {"t.txt": ".csv .json .md", "no/t.csv": "does not exist"}.items():
        done = measure(hand, "-o", tmp_path / name)
        assert isinstance(done.exception, OutputError)
        assert words in str(done.exception)
    (tmp_path / "empty").mkdir()
    done = measure(tmp_path / "empty")
    assert isinstance(done.exception, InputError)


def test_another_voxel_size_scales_the_sizes(hand: Path) -> None:
    done = measure(hand, "--spacing", "1.0,0.8,0.5")
    assert done.exit_code == 0, done.output
    lines = {line[:46].strip(): line.split() for line in done.stdout.splitlines()}
    assert lines["distal phalanx of thumb"][-5:-2] == ["20.0", "12.8", "4.0"]


def test_a_foreign_segmentation_keeps_its_name(tmp_path: Path) -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    geometry = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
    write_labels(tmp_path / "a.seg.nrrd", labels, geometry, LabelTable.from_names(["Liver"]))
    done = measure(tmp_path / "a.seg.nrrd")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].split()[:2] == ["Liver", "6.0"]
    assert "phalanx" not in done.stdout
