"""A patient's name is in no log, message, report, temporary file, cache or process list."""

import os
import shutil
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest

from .io.dicom.conftest import PATIENT_ID, PATIENT_NAME, Scan, write_series

AMCNET = shutil.which("amcnet", path=str(Path(sys.executable).parent)) or "amcnet"
SECRETS = (*PATIENT_NAME.lower().split("^"), PATIENT_ID.lower())


class Watch(threading.Thread):
    """Looks at the process list and the temporary folder until it is stopped."""

    def __init__(self, temporary: Path) -> None:
        super().__init__(daemon=True)
        self.temporary = temporary
        self.arguments: set[str] = set()
        self.modes: dict[str, int] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    self.arguments.add(" ".join(process.cmdline()))
            for path in self.temporary.iterdir():
                with suppress(OSError):
                    self.modes[path.name] = path.lstat().st_mode


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """A home, cache and folder for temporary files of its own."""
    places = {
        "HOME": tmp_path / "home",
        "XDG_CACHE_HOME": tmp_path / "cache",
        "XDG_DATA_HOME": tmp_path / "data",
        "TMPDIR": tmp_path / "temporary",
    }
    for place in places.values():
        place.mkdir()
    return os.environ | {name: str(place) for name, place in places.items()}


def left_behind(folder: Path, besides: Path) -> list[str]:
    """Return names and contents of files with a secret in them, DICOM outputs excepted."""
    found = []
    for path in folder.rglob("*"):
        if path.is_relative_to(besides):
            continue
        text = path.name.lower()
        if path.is_file() and path.suffix != ".dcm":
            text += path.read_bytes().decode("latin-1").lower().replace("\0", "")
        found += [f"{path}: {secret}" for secret in SECRETS if secret in text]
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="other places and modes there")
def test_nothing_that_a_run_leaves_names_the_patient(
    tmp_path: Path, small_bundle: Path, surroundings: dict[str, str]
) -> None:
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 255, (24, 40, 36)).astype(np.uint8)
    scan = Scan(stored, spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))
    series = write_series(tmp_path / "input" / "series", scan)
    damaged = tmp_path / "input" / "damaged"
    shutil.copytree(series, damaged)
    first = min(damaged.iterdir())
    first.write_bytes(first.read_bytes()[:-100])
    out = tmp_path / "results"
    out.mkdir()
    seg, dcm = out / "a.seg.nrrd", out / "a.dcm"
    model = ["--model", str(small_bundle), "--axes", "scan,lateral,depth"]
    more = ["--report", str(out / "a.html"), "--manifest", str(out / "runs.json")]
    watch = Watch(Path(surroundings["TMPDIR"]))
    watch.start()
    said = ""
    for arguments, status in (
        (["segment", str(series), "-o", str(seg), "--also", str(dcm), *model, *more], 0),
        (["segment", str(damaged), "-o", str(out / "b.nrrd"), *model], 2),
        (["dataset", "add", str(series), str(dcm), "--to", str(out / "mine")], 0),
    ):
        command = [AMCNET, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
        assert done.returncode == status, done.stderr
        said += done.stdout + done.stderr
    watch.stopped.set()
    watch.join()
    assert str(pydicom.dcmread(dcm).PatientName) == PATIENT_NAME  # the standard wants it
    assert left_behind(tmp_path, tmp_path / "input") == []
    heard = " ".join([said, *watch.arguments]).lower()
    assert [secret for secret in SECRETS if secret in heard] == []
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []
    open_to_others = {n: m for n, m in watch.modes.items() if stat.S_ISDIR(m) and m & 0o077}
    assert open_to_others == {}
