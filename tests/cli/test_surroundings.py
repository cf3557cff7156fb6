"""Streams, locale, signals and environment that a command may meet."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, write_image, write_labels

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent)) or "amcnet"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX shells and signals")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=os.environ | environment
    )


def test_output_that_nobody_reads() -> None:
    done = shell(f"{AMCNET} labels | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr.splitlines()) in [
        (2, ["amcnet: the output was closed before its end"]),
        (0, []),  # all of it was in the pipe before its end was closed
    ]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str) -> None:
    done = shell(f"{AMCNET} labels {closed}")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"HOME": "/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"},
        {"OMP_NUM_THREADS": "0"},
        {"OMP_NUM_THREADS": "many"},
        {"SLURM_NTASKS": "4", "SLURM_JOB_ID": "1"},
    ],
)
def test_odd_environments(
    small_bundle: Path, speckle: np.ndarray, tmp_path: Path, environment: dict[str, str]
) -> None:
    scan, out = tmp_path / "händ.nrrd", tmp_path / "händ.seg.nrrd"
    write_image(scan, speckle, Geometry.canonical(speckle.shape, (0.5, 0.8, 0.6)))
    axes = "depth,lateral,scan"
    command = [AMCNET, "segment", scan, "-o", out, "--model", small_bundle, "--axes", axes]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    assert "structures found" in done.stdout
    assert "Traceback" not in done.stderr
    assert out.is_file()


def test_a_current_folder_that_was_deleted(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell(f"cd {gone} && rmdir {gone} && {AMCNET} measure a.nrrd -o b.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "amcnet: the current folder: No such file or directory\n"


def test_a_drawing_backend_that_is_not_there(tmp_path: Path) -> None:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1:3, 1:3, 1:3] = 1
    geometry = Geometry.canonical(labels.shape, (0.5, 0.8, 0.6))
    write_labels(tmp_path / "a.seg.nrrd", labels, geometry, hand_label_table())
    done = subprocess.run(
        [AMCNET, "confusion", "a.seg.nrrd", "a.seg.nrrd", "-o", "a.png"],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "module://nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").is_file()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_a_command_and_its_workers(tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "phantoms"
    command = [AMCNET, "phantom", "--count", "4", "--jobs", "2", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        children: list[psutil.Process] = []
        while len(children) < 3:  # two workers and what tracks their resources
            assert time.monotonic() < deadline
            children = psutil.Process(process.pid).children(recursive=True)
            time.sleep(0.05)
        process.send_signal(sent)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == "amcnet: interrupted"
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert not list(out.rglob("*.nrrd"))
