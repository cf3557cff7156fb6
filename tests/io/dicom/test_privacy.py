"""Nothing that names a patient leaves the segmentation, whatever goes wrong."""

import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import AmcnetError, InputError
from amcnet.io import read_labels, read_volume, same_grid


@pytest.fixture
def hand(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> Path:
    """A series of the size that the tiny network takes, in a folder of its own."""
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 255, (24, 40, 36)).astype(np.uint8)
    large = dicom.Scan(stored, spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))

    def bad(_: int, dataset: Any) -> None:
        dataset.StudyTime = "Zebra is no time"  # pydicom warns of such values, and quotes them

    return dicom.series(tmp_path / "in" / "scan", large, bad)


def test_only_the_segmentation_names_the_patient(
    hand: Path,
    small_bundle: Path,
    tmp_path: Path,
    dicom: SimpleNamespace,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    out.mkdir()
    said = run(
        "segment", hand, "-o", out, "--format", "dcm", "--seg-type", "labelmap", "--series", "3",
        "--model", small_bundle, "--report", out / "pages", "--save-probabilities",
    )  # fmt: skip
    assert "of 38 structures found" in said
    segmentation = out / "scan.dcm"
    said += run("measure", segmentation, "-o", out / "sizes.csv")
    said += run("check", segmentation, "--image", hand, "--json", out / "check.json")
    said += run("evaluate", segmentation, segmentation, "--json", out / "scores.json")
    written = {path.name: path for path in out.rglob("*") if path.is_file()}
    assert {"scan.dcm", "scan.html", "sizes.csv", "check.json", "scores.json",
            "scan.probabilities.npy", "scan.probabilities.json"} == set(written)  # fmt: skip
    for name, path in written.items():
        if name != "scan.dcm":
            content = path.read_bytes()
            assert not [word for word in dicom.words if word.encode() in content], name
    assert str(pydicom.dcmread(segmentation).PatientName) == "Zebra^Quagga"
    for text in (said, caplog.text, *(str(one.message) for one in recwarn)):
        assert not [word for word in dicom.words if word in text]
    assert same_grid(read_labels(segmentation).geometry, read_volume(hand).geometry) is None


def test_no_error_names_the_patient(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scan.stored = scan.stored[:3]
    folder = dicom.series(tmp_path / "series", scan)
    victim = sorted(folder.iterdir())[1]
    whole = victim.read_bytes()
    caplog.set_level(logging.DEBUG)
    rng = np.random.default_rng(1)
    failures = 0
    for number in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(132, 1100, 1 + number % 9):
            damaged[place] = rng.integers(0, 256)
        victim.write_bytes(damaged[: None if number % 3 else int(rng.integers(200, len(whole)))])
        try:
            read_volume(folder, series="3" if number % 2 else None)
        except AmcnetError as error:
            failures += 1
            chain = [str(error), repr(error.__cause__), str(error.__suppress_context__)]
            assert not [word for word in dicom.words if any(word in text for text in chain)]
    assert failures > 20
    assert not [word for word in dicom.words if word in caplog.text]


def test_folders_of_an_archive_are_not_shown(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    """Servers name them after the patient."""
    folder = dicom.series(tmp_path / "export" / "QX-4711 Zebra^Quagga" / "US", scan)
    victim = sorted(folder.iterdir())[4]
    victim.write_bytes(victim.read_bytes()[:-9])
    archive = Path(shutil.make_archive(str(tmp_path / "scan"), "zip", tmp_path / "export"))
    with pytest.raises(InputError, match="truncated") as caught:
        read_volume(archive)
    assert victim.name in str(caught.value)
    assert not [word for word in dicom.words if word in str(caught.value)]


def test_settings_of_pydicom_come_back(hand: Path) -> None:
    before = pydicom.config.settings.reading_validation_mode
    level = logging.getLogger("pydicom").level
    read_volume(hand)
    assert pydicom.config.settings.reading_validation_mode == before
    assert logging.getLogger("pydicom").level == level
    with pytest.warns(UserWarning, match="exceeds the maximum length"):
        pydicom.dataelem.DataElement("PatientID", "LO", "x" * 80, validation_mode=1)


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.stderr, done.exception)
    return done.output
