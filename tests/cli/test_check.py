import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import InputError, OutputError
from amcnet.io import Geometry, write_image, write_labels

SHAPE = (12, 14, 16)
GEOMETRY = Geometry.canonical(SHAPE, (1.0, 1.0, 1.0))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[3:8, 4:8, 4:8] = 5
    path = tmp_path / "scan.seg.nrrd"
    write_labels(path, voxels, GEOMETRY, hand_label_table())
    return path


def test_check_prints_the_report_and_writes_it(labels: Path, tmp_path: Path) -> None:
    image, report = tmp_path / "scan.nrrd", tmp_path / "report.json"
    write_image(image, np.full(SHAPE, 7, np.uint8), GEOMETRY)
    arguments = ["check", str(labels), "--image", str(image), "--json", str(report)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("bad: 1 of 38 structures present")
    data = json.loads(report.read_text())
    assert {finding["kind"] for finding in data["findings"]} == {"image", "unlike a hand"}
    assert all(finding["message"] in done.output for finding in data["findings"])
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, OutputError)


def test_check_writes_a_page(labels: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["check", str(labels), "--report", str(page)])
    assert done.exit_code == 0, done.output
    alone = CliRunner().invoke(app, ["check", str(labels)])
    assert done.output == alone.output
    assert "scan.seg.nrrd" in page.read_text(encoding="utf-8")
    text = CliRunner().invoke(app, ["check", str(labels), "--report", str(tmp_path / "page.txt")])
    assert isinstance(text.exception, OutputError)


def test_check_with_names_from_a_data_set(labels: Path, tmp_path: Path) -> None:
    names = tmp_path / "dataset.json"
    names.write_text(json.dumps({"labels": {"background": 0, "liver": 1, "spleen": 2}}))
    done = CliRunner().invoke(app, ["check", str(labels), "--labels", str(names)])
    assert isinstance(done.exception, InputError)  # the file's segments are others
    plain = tmp_path / "plain.nii.gz"
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[3:8, 4:8, 4:8] = 1
    write_image(plain, voxels, GEOMETRY)
    done = CliRunner().invoke(app, ["check", str(plain), "--labels", str(names)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "look: 1 of 2 structures present"
    assert "spleen: missing" in done.output


def test_check_does_not_overwrite_its_input(labels: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(labels), "--json", str(labels), "--overwrite"])
    assert isinstance(done.exception, OutputError)


def test_the_other_thing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels as the image, in both kinds of file, and a folder as the labels."""
    labels = np.zeros((8, 16, 16), np.uint8)
    labels[2:6, 4:8, 4:8] = 3
    geometry = Geometry.canonical(labels.shape, (0.5, 0.4, 0.3))
    for name in ("a.seg.nrrd", "a.nii.gz"):
        write_labels(tmp_path / name, labels, geometry, hand_label_table())
    monkeypatch.chdir(tmp_path)
    for image, found in (
        ("a.seg.nrrd", "holds labels .38 segments."),
        ("a.nii.gz", "holds labels .2 different values up to 3."),
    ):
        result = CliRunner().invoke(app, ["check", "a.seg.nrrd", "--image", image])
        with pytest.raises(InputError, match=f"{image}: {found}, expected an ultrasound image"):
            raise result.exception or AssertionError(result.output)
    result = CliRunner().invoke(app, ["check", "."])
    with pytest.raises(InputError, match="is a folder, expected an image file"):
        raise result.exception or AssertionError(result.output)
