"""The DICOM node against dcmtk and Orthanc, all on the loopback interface."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest

from amcnet import segment
from amcnet.anatomy import LabelTable
from amcnet.io import read_labels, read_volume

from ..io.dicom.conftest import Scan, write_series
from ..io.dicom.test_conformance import Orthanc, orthanc, program, run  # noqa: F401  a fixture
from .running import Service, dcmtk

pytest.importorskip("pynetdicom", reason="pynetdicom is missing: pip install 'amcnet[serve]'")
pytest.importorskip("highdicom", reason="highdicom is missing: pip install 'amcnet[dicom]'")
TABLE = LabelTable.from_names(["left block", "right block"])
QUIET = ("--quiet", "1")


@pytest.fixture
def series(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(3).integers(0, 255, (16, 24, 20)).astype(np.uint8)
    scan = Scan(voxels, spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))
    return write_series(tmp_path / "scan", scan)


@contextmanager
def serving(folder: Path, model: Path, *options: str) -> Iterator[tuple[Service, str]]:
    """Run a service; yield it with the port of its DICOM node."""
    running = Service(folder, model, "--dicom", "AMCNET:0", *QUIET, *options)
    try:
        yield running, running.get("/").json["capabilities"]["dicom"].rpartition(":")[2]
    finally:
        running.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def tool(name: str) -> str:
    found = dcmtk(name)
    if found is None:
        pytest.skip("dcmtk is not installed")
    return found


def succeed(*command: object) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def one_job(service: Service, *states: str, seconds: float = 180) -> dict:
    """Wait until there is one job and it is in one of some states."""
    deadline = time.monotonic() + seconds
    jobs: list[dict] = []
    while time.monotonic() < deadline:
        jobs = service.get("/queue").json["jobs"]
        if len(jobs) == 1 and jobs[0]["state"] in states:
            return jobs[0]
        time.sleep(0.2)
    raise AssertionError(f"{jobs}\n{service.log_text()[-3000:]}")


def test_only_configured_nodes_get_in(tmp_path: Path, plain_bundle: Path, series: Path) -> None:
    echo, store = tool("echoscu"), tool("storescu")
    with serving(tmp_path, plain_bundle, "--accept", "ECHO1@127.0.0.1") as (service, port):
        known = ("-aet", "ECHO1", "-aec", "AMCNET", "127.0.0.1", port)
        assert run(echo, *known).returncode == 0
        assert run(echo, "-aet", "OTHER", *known[2:]).returncode != 0
        assert run(echo, "-aet", "ECHO1", "-aec", "OTHER", *known[4:]).returncode != 0
        assert run(store, "-aet", "OTHER", "+sd", *known[2:], series).returncode != 0
        assert service.get("/queue").json["jobs"] == []


def test_a_full_disk_is_told_by_the_status(
    tmp_path: Path, plain_bundle: Path, series: Path
) -> None:
    store = tool("storescu")
    with serving(tmp_path, plain_bundle, "--reserve", str(2**30)) as (service, port):
        done = run(store, "-v", "-aec", "AMCNET", "127.0.0.1", port, *sorted(series.iterdir()))
        assert "outofresources" in (done.stdout + done.stderr).replace(" ", "").lower()
        assert service.get("/queue").json["jobs"] == []


def test_a_series_is_segmented_and_stored_in_orthanc(
    tmp_path: Path,
    plain_bundle: Path,
    series: Path,
    orthanc: Orthanc,  # noqa: F811
) -> None:
    store, web = tool("storescu"), f"{orthanc.url}/dicom-web"
    orthanc.store(sorted(series.iterdir()))
    with serving(tmp_path, plain_bundle, "--forward", web, "--forward-report") as (service, port):
        command = (store, "-aec", "AMCNET", "+sd", "127.0.0.1", port, series)
        succeed(*command)
        job = one_job(service, "forwarded")
        assert (job["came_by"], job["readable"]) == ("dicom", True)
        result = service.get(f"/jobs/{job['id']}/labels", format="dcm")
        sent = pydicom.dcmread(service.data / "jobs" / job["id"] / "output" / "labels.dcm")
        assert service.get(f"/jobs/{job['id']}/report").status == 200
        succeed(*command)  # the same again
        time.sleep(3)
        assert one_job(service, "forwarded")["id"] == job["id"]
        assert "Doe" not in service.log_text()
    modalities = {
        name: json.loads(orthanc.get(f"/instances/{name}/simplified-tags"))["Modality"]
        for name in json.loads(orthanc.get("/instances"))
    }
    instances = [name for name, modality in modalities.items() if modality == "SEG"]
    (report,) = [name for name, modality in modalities.items() if modality == "DOC"]
    assert orthanc.get(f"/instances/{report}/pdf").startswith(b"%PDF-")
    (tmp_path / "report.dcm").write_bytes(orthanc.get(f"/instances/{report}/file"))
    errors = run(program("dciodvfy"), tmp_path / "report.dcm").stderr.splitlines()
    assert [line for line in errors if line.startswith("Error")] == []
    assert len(instances) == 1
    back = tmp_path / "back.dcm"
    back.write_bytes(orthanc.get(f"/instances/{instances[0]}/file"))
    assert pydicom.dcmread(back).SOPInstanceUID == sent.SOPInstanceUID
    assert len(json.loads(orthanc.get("/studies"))) == 1  # it joined the study of its images
    expected = segment(series, model=plain_bundle)
    np.testing.assert_array_equal(read_labels(back, TABLE).array, expected.labels)
    (tmp_path / "direct.dcm").write_bytes(result.body)
    np.testing.assert_array_equal(
        read_labels(tmp_path / "direct.dcm", TABLE).array, expected.labels
    )
    assert read_volume(series).array.shape == expected.labels.shape


def test_forwarding_is_tried_until_the_node_is_there(
    tmp_path: Path, plain_bundle: Path, series: Path
) -> None:
    store, receiver = tool("storescu"), tool("storescp")
    port_there, received = free_port(), tmp_path / "received"
    received.mkdir()
    destination = f"PACS@127.0.0.1:{port_there}"
    with serving(tmp_path, plain_bundle, "--forward", destination) as (service, port):
        succeed(store, "-aec", "AMCNET", "+sd", "127.0.0.1", port, series)
        deadline = time.monotonic() + 120
        while not (job := one_job(service, "queued", "running", "forwarding", "received"))[
            "attempts"
        ]:
            assert time.monotonic() < deadline, service.log_text()
            time.sleep(0.5)
        assert job["state"] == "forwarding"
        assert job["error"] == f"the node {destination} cannot be reached"
        node = subprocess.Popen([receiver, "-aet", "PACS", "-od", str(received), str(port_there)])
        try:
            time.sleep(1)
            assert service.request("POST", f"/jobs/{job['id']}/retry").status == 202
            one_job(service, "forwarded")
        finally:
            node.terminate()
            node.wait(30)
        assert service.request("POST", f"/jobs/{job['id']}/retry").status == 409
    assert len(list(received.iterdir())) == 1
