"""The lines that ``amcnet segment --progress json`` writes, read as another program reads them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.inference import Stage
from amcnet.io import Geometry, read_labels, write_image
from amcnet.workflows.segment.events import PROTOCOL
from amcnet.workflows.segment.progress_display import RunProgressTracker, VolumeEvent

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent))
SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.8, 0.6)


@pytest.fixture
def image(speckle: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "a.nrrd"
    write_image(path, speckle, Geometry.canonical(SHAPE, SPACING_MM))
    return path


def segment(*arguments: object) -> tuple[list[dict], subprocess.CompletedProcess[str]]:
    # Axes that are said are not searched where there is no hand, as in noise.
    command = [AMCNET, "segment", *map(str, arguments), "--axes", "depth,lateral,scan"]
    command += ["--progress", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["protocol"] == PROTOCOL for line in lines)
    return lines, done


def test_lines_of_one_volume(small_bundle: Path, image: Path, tmp_path: Path) -> None:
    out, also = tmp_path / "a.nii.gz", tmp_path / "a.seg.nrrd"
    lines, done = segment(image, "-o", out, "--also", also, "--model", small_bundle)
    assert done.returncode == 0
    assert lines[0]["event"] == "start"
    assert [line["event"] for line in lines].count("start") == 1
    stages = [line["stage"] for line in lines if line["event"] == "stage"]
    assert stages == [
        "reading", "running the network", "labelling", "cleaning up", "checking", "writing",
    ]  # fmt: skip
    steps = [line for line in lines if line["event"] == "progress"]
    shares = [step["fraction"] for step in steps]
    assert shares == sorted(shares)
    assert (steps[-1]["done"], steps[-1]["total"]) == (24, 24)
    assert 0 < shares[-1] < 1
    result = lines[-1]
    assert result["fraction"] == 1
    assert result["event"] == "result"
    assert (result["input"], result["output"], result["also"]) == (str(image), str(out), str(also))
    assert (result["volume"], result["volumes"]) == (1, 1)
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    assert {name: tuple(value) for name, value in result["geometry"].items()} == {
        "size": geometry.size,
        "spacing_mm": geometry.spacing_mm,
        "origin_mm": geometry.origin_mm,
        "direction": geometry.direction,
    }
    labels = read_labels(out).array
    assert np.array_equal(read_labels(also, hand_label_table()).array, labels)
    voxels = np.bincount(labels.ravel(), minlength=39)[1:]
    assert [row["voxels"] for row in result["structures"]] == voxels.tolist()
    for row, structure in zip(result["structures"], hand_label_table(), strict=True):
        assert (row["name"], row["kind"], row["group"]) == (
            structure.name, structure.kind, structure.group,
        )  # fmt: skip
        assert row["verdict"] in ("ok", "look", "bad")
        assert structure.codes["FMA"] in row["terminology"]["type"]
        assert row["present"] == (row["voxels"] > 0)
    assert (result["found"], result["wanted"]) == (int((voxels > 0).sum()), 38)
    assert result["verdict"] == "bad"  # an untrained network finds no hand
    assert result["notice"] == "Untrained."


def test_several_volumes_one_of_them_bad(small_bundle: Path, image: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mha"
    bad.write_bytes(b"no image")
    (tmp_path / "out").mkdir()
    arguments = [image, bad, image.rename(tmp_path / "c.nrrd"), "-o", tmp_path / "out"]
    arguments[0] = shutil.copy(arguments[2], tmp_path / "b.nrrd")
    lines, done = segment(*arguments, "--model", small_bundle)
    assert done.returncode == 2
    ends = [line for line in lines if line["event"] in ("result", "error")]
    assert [(line["event"], line["volume"]) for line in ends] == [
        ("result", 1), ("error", 2), ("result", 3),
    ]  # fmt: skip
    assert lines[-1] is ends[-1]
    assert str(bad) in ends[1]["message"]
    shares = [line["fraction"] for line in lines if "fraction" in line]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_cannot_begin_is_an_error(small_bundle: Path, image: Path, tmp_path: Path) -> None:
    for arguments, words in (
        ([image, "-o", tmp_path / "no such" / "a.nrrd"], "does not exist"),
        ([image, "-o", tmp_path / "b.nrrd", "--model", tmp_path / "none"], "none"),
        ([image, "-o", tmp_path / "b.nrrd", "--also", tmp_path / "b.nrrd"], "expected another"),
        ([image, "-o", tmp_path / "b.nrrd", "--also", tmp_path / "b.dcm"], "is not DICOM"),
        (
            [
                image,
                shutil.copy(image, tmp_path / "i.nrrd"),
                "-o",
                tmp_path,
                "--also",
                tmp_path / "b.nrrd",
            ],
            "expected one volume",
        ),
        ([image, "-o", tmp_path / "b.nrrd", "--dask", "nothing://here"], "no scheduler answers"),
    ):
        if "--model" not in arguments:
            arguments = [*arguments, "--model", small_bundle]
        lines, done = segment(*arguments)
        assert done.returncode == 2
        assert [line["event"] for line in lines] == ["start", "error"]
        assert words in lines[1]["message"]
        assert lines[1]["interrupted"] is False
        assert f"amcnet: {lines[1]['message']}\n" == done.stderr


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "noise.nrrd"
    noise = np.random.default_rng(0).integers(0, 255, (150, 160, 160)).astype(np.uint8)
    write_image(path, noise, Geometry.canonical(noise.shape, (0.3, 0.5, 0.35)))
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing(
    small_bundle: Path, large: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [AMCNET, "segment", large, "-o", out / "a.seg.nrrd", "--also", out / "a.nii.gz"]
    command += ["--model", small_bundle, "--progress", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "progress":
                process.send_signal(sent)
                break
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(timeout=30) == 130
    assert (rest[-1]["event"], rest[-1]["interrupted"]) == ("error", True)
    assert list(out.iterdir()) == []


def test_ends_when_its_reader_is_gone(small_bundle: Path, large: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.seg.nrrd"
    command = [AMCNET, "segment", large, "-o", out, "--model", small_bundle, "--progress", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while json.loads(process.stdout.readline())["event"] != "progress":
            pass
        process.stdout.close()
        process.stderr.read()
        assert process.wait(timeout=60) != 0
    assert not out.exists()


def test_time_left_at_an_even_pace() -> None:
    now = [100.0]
    pace = RunProgressTracker(3, lambda: now[0])
    shown = []
    for number in (1, 2, 3):  # 20 s each, of which the network takes 11 and the labels 4
        seconds = {Stage.READING: 2, Stage.NETWORK: 11, Stage.LABELLING: 4, Stage.WRITING: 3}
        for stage, lasts in seconds.items():
            for step in range(lasts):
                event = VolumeEvent(number, 3, Path("a"), stage, step, lasts)
                shown.append((now[0], pace.see(event)))
                now[0] += 1
        shown.append((now[0], pace.end(number)))
    fractions = [state.fraction for _, state in shown]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert shown[0][1].seconds_left is None
    for at, state in shown[10:]:
        assert state.seconds_left == pytest.approx(160 - at, abs=6)


def test_volumes_side_by_side() -> None:
    pace = RunProgressTracker(2, lambda: 0.0)
    fractions = []
    for done in range(1, 11):
        for number in (1, 2):
            event = VolumeEvent(number, 2, Path("a"), Stage.LABELLING, done, 10)
            fractions.append(pace.see(event).fraction)
    assert fractions == sorted(fractions)
    assert pace.end(1).fraction > fractions[-1] / 2
    assert pace.end(2).fraction == 1
