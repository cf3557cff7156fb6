import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import ConfigError
from amcnet.io import Geometry, write_image, write_labels
from amcnet.phantom import GRIDS, PhantomGrid

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent))
SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.8, 0.6)


def amcnet(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    # A narrow terminal: messages must not be wrapped.
    environment = os.environ | {"COLUMNS": "40", "TERM": "dumb"}
    command = [AMCNET, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in ("amcnet: ", *words)), lines[0]


@pytest.fixture
def volume(speckle: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "hand.nrrd"
    write_image(path, speckle, Geometry.canonical(SHAPE, SPACING_MM))
    return path


def test_help_is_quick() -> None:
    assert amcnet("--help").returncode == 0
    start = time.perf_counter()
    amcnet("--help")
    # Half a second on a free machine; this bound only catches an eager heavy import.
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("name", ["out.seg.nrrd", "out.nrrd", "out.nii.gz", "out.mha"])
def test_segment_writes_every_format(
    small_bundle: Path, volume: Path, tmp_path: Path, name: str
) -> None:
    done = amcnet("segment", volume, "-o", tmp_path / name, "--model", small_bundle)
    assert done.returncode == 0, done.stderr
    assert "Untrained." in done.stdout
    written = sitk.ReadImage(str(tmp_path / name))
    assert written.GetSize() == SHAPE[::-1]
    np.testing.assert_allclose(written.GetSpacing(), SPACING_MM[::-1])


def test_segmentation_lists_all_structures(
    small_bundle: Path, volume: Path, tmp_path: Path
) -> None:
    amcnet("segment", volume, "-o", tmp_path / "a.seg.nrrd", "--model", small_bundle)
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    names = {header[f"Segment{i}_Name"] for i in range(38)}
    assert names == {structure.name for structure in hand_label_table()}


def test_several_inputs_one_bad(small_bundle: Path, volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    bad = tmp_path / "bad.mha"
    bad.write_bytes(b"")
    done = amcnet("segment", bad, volume, "-o", out, "--model", small_bundle)
    assert done.returncode == 2
    assert "bad.mha" in done.stderr
    assert [path.name for path in out.iterdir()] == ["hand.seg.nrrd"]


def test_bad_inputs(small_bundle: Path, volume: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.nrrd"

    def run(source: Path, output: Path = target) -> subprocess.CompletedProcess[str]:
        return amcnet("segment", source, "-o", output, "--model", small_bundle)

    assert_refused(run(tmp_path / "none.nrrd"), "none.nrrd")
    flat = tmp_path / "flat.mha"
    sitk.WriteImage(sitk.Image(8, 9, sitk.sitkUInt8), str(flat))
    assert_refused(run(flat), "flat.mha", "8 x 9", "3D")
    truncated = tmp_path / "cut.nii"
    sitk.WriteImage(sitk.ReadImage(str(volume)), str(truncated))
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    assert_refused(run(truncated), "cut.nii")
    assert_refused(run(volume, tmp_path / "no" / "out.nrrd"), "does not exist")
    assert_refused(run(volume, tmp_path / "out.png"), "out.png", ".seg.nrrd")
    assert not target.exists()
    target.write_bytes(b"mine")
    assert_refused(run(volume), "out.nrrd", "--overwrite")
    assert target.read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cut.nii", "flat.mha", "hand.nrrd", "out.nrrd",
    ]  # fmt: skip


def test_damaged_model(small_bundle: Path, volume: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(small_bundle, tmp_path / "model"))
    (model / "model.bin").write_bytes(b"damaged")
    done = amcnet("segment", volume, "-o", tmp_path / "out.nrrd", "--model", model)
    assert_refused(done, "model.bin", "is damaged")


def test_evaluate(tmp_path: Path) -> None:
    table, geometry = hand_label_table(), Geometry.canonical((6, 12, 10), (1.0, 1.0, 1.0))
    reference = np.zeros((6, 12, 10), np.uint8)
    reference[1:5, 2:6, 2:6] = 3
    prediction = np.roll(reference, 2, axis=1)
    for name, labels in (("a.nrrd", reference), ("b.seg.nrrd", prediction)):
        write_labels(tmp_path / name, labels, geometry, table)
    done = amcnet("evaluate", "a.nrrd", "b.seg.nrrd", "--json", "r.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    row = next(row for row in result["structures"] if row["label"] == 3)
    assert row["name"] == "proximal phalanx of thumb"
    assert row["dice"] == pytest.approx(0.5)
    assert row["jaccard"] == pytest.approx(1 / 3)
    assert row["hd95_mm"] == pytest.approx(2)
    assert result["structures"][0]["dice"] is None
    assert result["summary"]["dice_macro"] == pytest.approx(0.5)
    assert_refused(amcnet("evaluate", "c.nrrd", "b.seg.nrrd", cwd=tmp_path), "c.nrrd")
    done = amcnet("evaluate", "a.nrrd", "b.seg.nrrd", "--json", "r.json", cwd=tmp_path)
    assert_refused(done, "r.json", "--overwrite")


def test_train_refuses_a_bad_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('name = "x"\n[schedule]\nsteps = 0\n')
    assert_refused(amcnet("train", tmp_path / "c.toml"), "c.toml", "data")


def test_phantom_refuses_bad_numbers(tmp_path: Path) -> None:
    assert_refused(amcnet("phantom", "--out", tmp_path / "d", "--count", 0), "count", "found 0")


def test_phantom_refuses_bad_ages(tmp_path: Path) -> None:
    out = tmp_path / "d"
    assert_refused(amcnet("phantom", "--out", out, "--age", "4-8"), "--age: found '4-8'")
    for age, expected in {
        "": "LOW:HIGH",
        "7": "LOW:HIGH",
        "4:8:9": "LOW:HIGH",
        "8:4": "found 8 to 4",
        "1:8": "2 to 16",
        "nan:8": "2 to 16",
    }.items():
        done = CliRunner().invoke(app, ["phantom", "--out", str(out), "--age", age])
        assert isinstance(done.exception, ConfigError)
        assert expected in str(done.exception)
    assert not out.exists()


def test_phantom_writes_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = PhantomGrid((60, 48, 24), (2.87, 2.8, 1.9))
    monkeypatch.setitem(GRIDS, "full", tiny)
    kind = ["--grid", "full", "--variety", "full", "--age", "5:6.5"]
    arguments = ["phantom", "--out", str(tmp_path / "d"), "--count", "2", "--seed", "7", *kind]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "2 phantoms, hand_000007 to hand_000008" in done.output
    text = (tmp_path / "d" / "parameters" / "hand_000008.json").read_text(encoding="utf-8")
    config = json.loads(text)["config"]
    assert config["shape"] == [60, 48, 24]
    assert (config["variety"], config["age_years"]) == ("full", [5.0, 6.5])


def test_evaluate_other_labels(tmp_path: Path) -> None:
    table, geometry = hand_label_table(), Geometry.canonical((4, 4, 4), (1.0, 1.0, 1.0))
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[1:3] = 2
    write_labels(tmp_path / "a.nrrd", labels, geometry, table)
    description = {"labels": {"background": 0, "liver": 1, "spleen": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    amcnet(
        "evaluate", "a.nrrd", "a.nrrd", "--labels", "dataset.json", "--json", "r.json", cwd=tmp_path
    )
    rows = json.loads((tmp_path / "r.json").read_text())["structures"]
    assert [(row["name"], row["dice"]) for row in rows] == [("liver", None), ("spleen", 1.0)]


def test_names_are_printed_as_they_are(small_bundle: Path, volume: Path, tmp_path: Path) -> None:
    odd = tmp_path / "q[b] :smile: é.nrrd"
    done = amcnet("segment", volume, "-o", odd, "--model", small_bundle)
    assert done.returncode == 0, done.stderr
    assert str(odd) in done.stdout
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [AMCNET, "segment", volume, "-o", odd, "--model", small_bundle, "--overwrite"]
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 0


def test_evaluate_does_not_replace_its_input(tmp_path: Path) -> None:
    table, geometry = hand_label_table(), Geometry.canonical((4, 4, 4), (1.0, 1.0, 1.0))
    write_labels(tmp_path / "a.nrrd", np.ones((4, 4, 4), np.uint8), geometry, table)
    done = amcnet("evaluate", "a.nrrd", "a.nrrd", "--json", "a.nrrd", "--overwrite", cwd=tmp_path)
    assert_refused(done, "a.nrrd", "is an input too")


def test_version() -> None:
    assert amcnet("--version").stdout.startswith("amcnet 0.")


def test_demo_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(amcnet("demo", "--out", tmp_path / "file"), "file", "expected a folder")
