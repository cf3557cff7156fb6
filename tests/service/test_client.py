"""``amcnet segment --server`` against a real service, and against what is none."""

import http.server
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amcnet.errors import AmcnetError
from amcnet.io import Geometry, read_labels, write_image
from amcnet.service.client.segment_on_server import SegmentOnServer
from amcnet.service.client.server_connection import ServerConnection, read_token
from amcnet.service.client.volume_package import packed_volume
from amcnet.version import __version__
from amcnet.workflows import SegmentOptions, plan_files, segment_files

from ..io.dicom.conftest import Scan, write_series
from .running import MAIN, Service

TOKEN = "anna-token-0123456789"
WITHOUT_ENGINES = """
import sys
sys.modules["openvino"] = sys.modules["torch"] = None
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, plain_bundle: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    tokens = folder / "tokens"
    tokens.write_text(f"anna {TOKEN}\n")
    tokens.chmod(0o600)
    running = Service(folder, plain_bundle, "--token-file", str(tokens))
    yield running
    running.close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "my token"
    path.write_text(f"# mine\nanna {TOKEN}\n")
    return path


@pytest.fixture
def scans(tmp_path: Path, speckle: np.ndarray) -> Path:
    folder = tmp_path / "scäns"
    folder.mkdir()
    grid = Geometry.canonical(speckle.shape, (1.2, 1.0, 0.9))
    write_image(folder / "a.nrrd", speckle, grid)
    write_image(folder / "b.nii.gz", speckle[::-1].copy(), grid)
    (folder / "c.nrrd").write_bytes(b"NRRD0004\n")
    return folder


def client(service: Service, token_file: Path, *arguments: object) -> subprocess.CompletedProcess:
    """Run the command where neither OpenVINO nor PyTorch can be imported."""
    command = [sys.executable, "-c", WITHOUT_ENGINES + MAIN, "segment", "--server", service.url]
    command += ["--token-file", str(token_file), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_folder_is_segmented_as_here_bit_by_bit(
    service: Service, token_file: Path, scans: Path, tmp_path: Path, plain_bundle: Path
) -> None:
    out, manifest = tmp_path / "out", tmp_path / "manifest.json"
    done = client(service, token_file, scans, "-o", out, "--manifest", manifest,
                  "--progress", "json")  # fmt: skip
    assert done.returncode == 2, done.stderr  # one volume is damaged
    assert f"{scans / 'c.nrrd'}: " in done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["protocol"] for line in lines} == {1}
    results = {line["input"]: line for line in lines if line["event"] == "result"}
    assert set(results) == {str(scans / "a.nrrd"), str(scans / "b.nii.gz")}
    assert results[str(scans / "a.nrrd")]["output"] == str(out / "a.seg.nrrd")
    assert any(line["event"] == "stage" and line["stage"] == "labelling" for line in lines)
    assert not (out / "c.seg.nrrd").exists()
    volumes = json.loads(manifest.read_text())
    assert volumes["models"][0]["model"] == "plain"
    assert volumes["volumes"][str(scans / "a.nrrd")]["status"] == "done"

    here = tmp_path / "here"
    options = SegmentOptions(models=(str(plain_bundle),), measure=True)
    jobs = plan_files([scans / "a.nrrd", scans / "b.nii.gz"], here, options)
    local = list(segment_files(jobs, options))
    for outcome in local:
        there = out / outcome.result.output.name
        assert there.read_bytes() == outcome.result.output.read_bytes()
        assert results[str(outcome.source)]["structures"] == json.loads(
            json.dumps(outcome.result.details["structures"])
        )


def test_everything_that_the_command_writes(
    service: Service, token_file: Path, scans: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.nii.gz"
    done = client(service, token_file, scans / "a.nrrd", "-o", out, "--also", tmp_path / "a.mha",
                  "--report", tmp_path / "a.html", "--save-probabilities")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "structures found" in done.stdout
    assert "<html" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert np.load(tmp_path / "a.probabilities.npy", mmap_mode="r").ndim == 4
    labels = read_labels(out).array
    np.testing.assert_array_equal(read_labels(tmp_path / "a.mha").array, labels)
    masks = client(service, token_file, scans / "a.nrrd", "-o", tmp_path / "masks", "--separate")
    assert masks.returncode == 0, masks.stderr
    found = [read_labels(path).array for path in (tmp_path / "masks").iterdir()]
    np.testing.assert_array_equal(sum(found), labels > 0)


def test_a_folder_of_dicom(service: Service, token_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    voxels = np.random.default_rng(3).integers(0, 255, (16, 24, 20)).astype(np.uint8)
    series = write_series(tmp_path / "visit", Scan(voxels, (0.6, 0.8, 0.5), direction=np.eye(3)))
    done = client(service, token_file, series, "-o", tmp_path / "visit.dcm", "--progress", "json")
    assert done.returncode == 0, done.stderr
    assert read_labels(tmp_path / "visit.dcm").array.shape == voxels.shape


def test_what_the_server_decides_is_refused(
    service: Service, token_file: Path, scans: Path, tmp_path: Path
) -> None:
    done = client(service, token_file, scans / "a.nrrd", "-o", tmp_path / "x.nrrd", "--device",
                  "cpu")  # fmt: skip
    assert done.returncode == 2
    assert "--device: is decided by the server" in done.stderr


def test_a_token_is_needed(service: Service, scans: Path, tmp_path: Path) -> None:
    with pytest.raises(AmcnetError, match="needs a token, found none, expected --token-file"):
        SegmentOnServer(service.url, None)
    (tmp_path / "wrong").write_text("wrong-token-0123456789")
    with pytest.raises(AmcnetError, match="found one that it does not accept"):
        SegmentOnServer(service.url, tmp_path / "wrong")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer at every address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, b"<html>Bad Gateway", "answered 502 Bad Gateway, which is not an answer"),
        (404, b"", "answered 404 Not Found, which is not an answer of amcnet serve"),
        (200, b"<html>Welcome", "is not an amcnet serve"),
        (200, b'{"service": "other"}', "is not an amcnet serve"),
        (
            200,
            b'{"service": "amcnet", "version": "9.9.9", "protocol": 7}',
            "the server speaks protocol 7 (amcnet 9.9.9), the client protocol 1 "
            f"(amcnet {__version__}): install the same version of amcnet on both",
        ),
        (400, b'{"error": "both versions in words"}', "both versions in words"),
    ],
)
def test_what_is_no_service_of_this_version_is_told_in_words(
    status: int, body: bytes, expected: str
) -> None:
    with answering(status, body) as url, pytest.raises(AmcnetError) as caught:
        ServerConnection(url).describe()
    assert expected in str(caught.value)
    assert url in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host", "host:8042", "http://", "http://host:port"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(AmcnetError, match="--server: found"):
        ServerConnection(url).describe()


def test_nobody_answers() -> None:
    with pytest.raises(AmcnetError, match="cannot be reached"):
        ServerConnection("http://127.0.0.1:9").describe()


def test_tokens_are_read_from_files_of_both_kinds(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("\n# a comment\nTOKEN  # of anna\n")
    (tmp_path / "two").write_text("anna TOKEN\nberta OTHER\n")
    (tmp_path / "empty").write_text("# nothing\n")
    assert read_token(tmp_path / "one") == read_token(tmp_path / "two") == "TOKEN"
    for name in ("empty", "absent"):
        with pytest.raises(AmcnetError, match=name):
            read_token(tmp_path / name)


def test_a_header_travels_with_its_data(tmp_path: Path) -> None:
    (tmp_path / "a.nhdr").write_text("NRRD0004\ndata file: a.raw\n")
    (tmp_path / "a.raw").write_bytes(b"voxels")
    (tmp_path / "other.raw").write_bytes(b"another's")
    with packed_volume(tmp_path / "a.nhdr", 1) as package:
        assert (package.name, package.is_archive) == ("a.nhdr", True)
        assert zipfile.ZipFile(package.file).namelist() == ["a.nhdr", "a.raw"]
        first = package.sha256
    os.utime(tmp_path / "a.raw", (1, 1))
    with packed_volume(tmp_path / "a.nhdr", 1) as package:
        assert package.sha256 == first  # the content counts, not its date
    (tmp_path / "a.raw").unlink()
    (tmp_path / "other.raw").unlink()
    with (
        pytest.raises(AmcnetError, match="its data files are not in its folder"),
        packed_volume(tmp_path / "a.nhdr", 1),
    ):
        pass
