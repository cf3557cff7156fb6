"""Disks that report success and keep less: no writer calls this a result."""

import http.server
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.bundle import pack_bundle
from amcnet.errors import OutputError
from amcnet.inference.probabilities import probability_file
from amcnet.io import Geometry, atomic_path, volume_from_array, write_labels
from amcnet.mesh import find_surfaces
from amcnet.service.client.server_connection import ServerConnection
from amcnet.workflows.mesh import write_surfaces
from amcnet.workflows.output_files import write_figure, write_json, write_text

SHAPE = (6, 8, 10)
GRID = Geometry.canonical(SHAPE, (1.0, 1.0, 1.0))


LABELS = np.zeros(SHAPE, np.uint8)
LABELS[1:5, 2:6, 2:8] = 1
TABLE = LabelTable.from_names(["femur"])


def figure(path: Path, _model: Path) -> None:
    from matplotlib.figure import Figure

    write_figure(path, Figure())


def surfaces(path: Path, _model: Path) -> None:
    found = find_surfaces(volume_from_array(LABELS, (1.0, 1.0, 1.0)), TABLE)
    write_surfaces(path, found, TABLE)


def probabilities(path: Path, _model: Path) -> None:
    with probability_file(path, SHAPE, GRID, TABLE) as write:
        for _ in range(SHAPE[0]):
            write(np.zeros((2, *SHAPE[1:]), np.float32))


class Files(http.server.BaseHTTPRequestHandler):
    """A service that sends every file."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"12345")

    def log_message(self, *_: object) -> None:
        pass


def download(path: Path, _model: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = ServerConnection(f"http://127.0.0.1:{server.server_port}")
        try:
            with atomic_path(path) as temporary:
                connection.download("/jobs/1/labels", temporary)
        finally:
            server.shutdown()


WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "a.json": lambda path, _: write_json(path, {"dice": 1.0}),
    "a.csv": lambda path, _: write_text(path, "a,b\n1,2\n"),
    "a.html": lambda path, _: write_text(path, "<!doctype html>"),
    "a.png": figure,
    "a.pdf": figure,
    "a.svg": figure,
    "a.glb": surfaces,
    "stl": surfaces,
    "a.npy": probabilities,
    "from a server": download,
    "a.zip": lambda path, model: pack_bundle(model, path),
    "a.seg.nrrd": lambda path, _: write_labels(path, LABELS, GRID, TABLE),
}


@pytest.mark.skipif(os.name == "nt", reason="changes an open file")
@pytest.mark.parametrize("name", WRITERS)
def test_a_byte_that_gets_lost_is_an_error(
    tmp_path: Path, small_bundle: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lost = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and not lost:
            lost.append(descriptor)
            os.ftruncate(descriptor, status.st_size - 1)
        real(descriptor)

    path = tmp_path / name
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match="bytes were stored, is the disk full") as caught:
        WRITERS[name](path, small_bundle)
    assert str(caught.value).startswith(f"{tmp_path}")
    assert lost
    assert list(tmp_path.iterdir()) == []
    WRITERS[name](path, small_bundle)
    assert path.exists()
