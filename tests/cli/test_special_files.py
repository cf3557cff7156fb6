"""Named pipes, sockets, devices and link loops in every place where a file is expected."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import AmcnetError
from amcnet.io import Geometry, write_labels

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")

SHAPE = (4, 5, 6)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listener(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        folder = Path.cwd()
        os.chdir(path.parent)  # the names of sockets are short
        try:
            one.bind(path.name)
        finally:
            os.chdir(folder)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "a named pipe"),
    "socket": (listener, "a socket"),
    "device": (device, "a device"),
    "loop": (loop, "symbolic links"),
}

INPUTS: dict[str, tuple[str, ...]] = {
    "model": ("segment", "{seg}", "-o", "{out}.nrrd", "--model", "{bad}"),
    "volume.nrrd": ("check", "{seg}", "--image", "{bad}"),
    "labels.nii.gz": ("measure", "{bad}"),
    "scan.dcm": ("check", "{seg}", "--image", "{bad}"),
    "scan.zip": ("check", "{seg}", "--image", "{bad}"),
    "names.json": ("measure", "{seg}", "--labels", "{bad}"),
    "names.txt": ("evaluate", "{seg}", "{seg}", "--labels", "{bad}"),
    "scores.json": ("summarise", "{bad}", "-o", "{out}.csv"),
    "other.json": ("compare-results", "{bad}", "{bad}", "-o", "{out}.csv"),
    "model.zip": ("models", "install", "{bad}"),
    "run.toml": ("train", "{bad}", "-o", "{out}"),
    "truth.mha": ("confusion", "{seg}", "{bad}", "-o", "{out}.png"),
    "view.nrrd": ("view", "{bad}", "--no-browser"),
}


@pytest.fixture
def seg(tmp_path: Path) -> Path:
    path = tmp_path / "hand.seg.nrrd"
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 1:3, 1:3] = 1
    write_labels(path, labels, Geometry.canonical(SHAPE, (1.0, 1.0, 1.0)), hand_label_table())
    return path


def message_of(words: tuple[str, ...], seg: Path, bad: Path) -> str:
    values = {"seg": seg, "bad": bad, "out": seg.with_name("out")}
    done = CliRunner().invoke(app, [word.format(**values) for word in words])
    if isinstance(done.exception, SystemExit):  # the command goes on with other inputs
        assert done.exit_code == 2, done.output
        return done.output.splitlines()[-1].removeprefix("amcnet: ")
    assert isinstance(done.exception, AmcnetError), done.output
    return str(done.exception)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_refused_by_its_kind(
    tmp_path: Path, seg: Path, models_home: Path, name: str, kind: str
) -> None:
    make, word = KINDS[kind]
    make(tmp_path / name)
    message = message_of(INPUTS[name], seg, tmp_path / name)
    assert message.startswith(f"{tmp_path / name}: ")
    assert word in message
    assert "missing" not in message


OUTPUTS: dict[str, tuple[str, ...]] = {
    "names.txt": ("labels", "-o", "{bad}", "--overwrite"),
    "sizes.csv": ("measure", "{seg}", "-o", "{bad}", "--overwrite"),
    "hand.glb": ("mesh", "{seg}", "-o", "{bad}", "--overwrite"),
    "c.png": ("confusion", "{seg}", "{seg}", "-o", "{bad}", "--overwrite"),
    "check.json": ("check", "{seg}", "--json", "{bad}", "--overwrite"),
}


@pytest.mark.parametrize("make", [pipe, listener, device])
@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_never_takes_the_place_of_a_special_file(
    tmp_path: Path, seg: Path, name: str, make: Callable[[Path], None]
) -> None:
    def identity() -> tuple[int, int, int]:
        found = (tmp_path / name).lstat()
        return found.st_ino, found.st_mode, found.st_mtime_ns

    make(tmp_path / name)
    before = identity()
    message = message_of(OUTPUTS[name], seg, tmp_path / name)
    assert "is a device, pipe or socket, expected the name of a file" in message
    assert identity() == before
