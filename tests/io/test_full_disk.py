"""Writing where the disk is full: an error, nothing left behind, the old file intact."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.errors import OutputError
from amcnet.io import (
    GRID_EXTENSIONS,
    LABEL_EXTENSIONS,
    Geometry,
    atomic_path,
    read_labels,
    write_image,
    write_labels,
)
from amcnet.io.verified_files import verified_file

resource = pytest.importorskip("resource")  # not on Windows

SHAPE = (20, 30, 40)
GEOMETRY = Geometry.canonical(SHAPE, (0.3, 0.2, 0.1))
NOISE = np.random.default_rng(0).integers(0, 39, SHAPE).astype(np.uint8)
WRITTEN = [one for one in LABEL_EXTENSIONS if one != ".dcm"]


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let the operating system refuse to write more to one file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("extension", WRITTEN)
@pytest.mark.parametrize("left_bytes", [0, 1, 100, -1])
def test_labels_are_whole_or_not_there(tmp_path: Path, extension: str, left_bytes: int) -> None:
    path = tmp_path / f"hand{extension}"
    write_labels(path, NOISE, GEOMETRY, hand_label_table())
    before = path.read_bytes()
    limit = left_bytes if left_bytes >= 0 else len(before) - 1
    with largest_file(limit), pytest.raises(OutputError, match="could not be written") as caught:
        write_labels(path, NOISE, GEOMETRY, hand_label_table(), overwrite=True)
    assert str(caught.value).startswith(f"{path}: ")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
    with largest_file(2 * len(before)):
        write_labels(path, NOISE[::-1].copy(), GEOMETRY, hand_label_table(), overwrite=True)
    np.testing.assert_array_equal(read_labels(path).array, NOISE[::-1])


@pytest.mark.parametrize("extension", GRID_EXTENSIONS)
def test_images_are_whole_or_not_there(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"hand{extension}"
    with largest_file(5000), pytest.raises(OutputError, match="could not be written"):
        write_image(path, NOISE * np.float32(0.3), GEOMETRY)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_silently_keeps_less_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    for lose, message in (
        (lambda: path.write_bytes(path.read_bytes()[:-1]), "9999 of 10000 bytes were stored"),
        (lambda: path.write_bytes(bytes(10000)), "last bytes read back differ"),
    ):
        monkeypatch.setattr("os.fsync", lambda _, lose=lose: lose())
        with pytest.raises(OSError, match=message), verified_file(path) as file:
            file.write(b"x" * 10000)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small tmpfs")
@pytest.mark.parametrize("name", ["hand.nrrd", "hand.nii", "hand.mha", "hand.seg.nrrd"])
def test_a_full_tmpfs(tmp_path: Path, name: str) -> None:
    code = f"""
import numpy as np, sys
from pathlib import Path
from amcnet.io import Geometry, write_labels
from amcnet.anatomy import hand_label_table
from amcnet.errors import OutputError
noise = np.random.default_rng(0).integers(0, 39, (40, 60, 80)).astype(np.uint8)
place = Path({str(tmp_path)!r})
try:
    write_labels(place / {name!r}, noise, Geometry.canonical(noise.shape, (1, 1, 1)),
                 hand_label_table())
except OutputError as error:
    print(error)
print([path.name for path in place.iterdir()])
"""
    mount = f'mount -t tmpfs -o size=64k tmpfs "{tmp_path}" && "{sys.executable}" -c "$CODE"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mount],
        env={**os.environ, "CODE": code},
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no user namespaces here")
    assert "could not be written (No space left on device)" in done.stdout, done.stderr
    assert done.stdout.endswith("[]\n")


def test_a_writer_that_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing was written"), atomic_path(tmp_path / "a"):
        pass
