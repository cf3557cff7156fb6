"""kill -9 at random moments: every accepted study ends in exactly one result, none half-written."""

import http.client
import json
import random
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.io import Geometry, read_labels, write_image

from ..io.dicom.conftest import Scan, write_series
from .running import READY_SECONDS, Service, dcmtk
from .test_dicom import free_port

LEAST_VOLUMES, SERIES = 6, 2
SHAPE = (16, 24, 20)
GIVE_UP_SECONDS = 900


class Senders:
    """People and scanners that send until they are told of success, as real ones do."""

    def __init__(self, service: Service, volumes: list[Path], series: list[Path]) -> None:
        self._service = service
        self.accepted: dict[Path, str] = {}
        self.stored: set[Path] = set()
        work = [(self._upload, path) for path in volumes] + [(self._store, one) for one in series]
        random.Random(0).shuffle(work)
        self._waiting = [threading.Thread(target=one, args=(path,)) for one, path in work]
        self._started: list[threading.Thread] = []

    def start(self, rounds: int) -> None:
        """Start as many as leave work for all rounds."""
        for _ in range(-(-len(self._waiting) // max(1, rounds))):
            self._started.append(self._waiting.pop())
            self._started[-1].start()

    def join(self) -> None:
        self.start(1)
        for thread in self._started:
            thread.join(GIVE_UP_SECONDS)

    def _upload(self, path: Path) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self._service.submit(path)
            except (OSError, http.client.HTTPException):
                time.sleep(random.uniform(0.1, 0.5))
                continue
            assert answer.status in (200, 201), answer.body
            self.accepted[path] = answer.json["id"]
            return

    def _store(self, folder: Path) -> None:
        command = [dcmtk("storescu"), "-aec", "AMCNET", "+sd", "-to", "5", "127.0.0.1"]
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            port = self._service.dicom_port
            done = subprocess.run([*command, str(port), str(folder)], capture_output=True)
            if done.returncode == 0:
                self.stored.add(folder)
                return
            time.sleep(random.uniform(0.1, 0.5))


def killed(tmp_path: Path, model: Path, kills: int) -> list[str]:
    """Kill a service again and again while others send to it; return a line for each kill."""
    rng = random.Random(kills)
    has_dicom = dcmtk("storescu") is not None and dcmtk("storescp") is not None
    noise = np.random.default_rng(1)
    volumes = []
    wanted = max(LEAST_VOLUMES, kills)
    for number in range(wanted):
        voxels = noise.integers(0, 255, SHAPE).astype(np.uint8)
        volumes.append(tmp_path / f"volume-{number}.nrrd")
        write_image(volumes[-1], voxels, Geometry.canonical(SHAPE, (1.2, 1.0, 0.9)))
    series = []
    for number in range(max(SERIES, kills // 5) if has_dicom else 0):
        voxels = noise.integers(0, 255, SHAPE).astype(np.uint8)
        scan = Scan(voxels, spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))
        series.append(write_series(tmp_path / f"series-{number}", scan))
    port, port_there, received = free_port(), free_port(), tmp_path / "received"
    received.mkdir()
    options = ("--dicom", f"AMCNET:{port}", "--quiet", "1",
               "--forward", f"PACS@127.0.0.1:{port_there}")  # fmt: skip
    receiver = None
    if has_dicom:
        receiver = subprocess.Popen(
            [dcmtk("storescp"), "-aet", "PACS", "-od", str(received), str(port_there)]
        )
    service = Service(tmp_path, model, *options)
    service.dicom_port = port
    senders = Senders(service, volumes, series)
    log = []
    try:
        for number in range(kills):
            senders.start(kills - number)
            time.sleep(rng.choice([0.05, 0.3, 1.0, 3.0, 6.0]) * rng.random())
            try:
                states = json.dumps(service.get("/queue").json["counts"])
            except (OSError, http.client.HTTPException, ValueError):
                states = "unknown"
            service.kill()
            log.append(f"kill {number + 1} at {states}")
            service.start()
        senders.join()
        assert len(senders.accepted) == wanted, service.log_text()[-3000:]
        assert len(senders.stored) == len(series), service.log_text()[-3000:]
        jobs = wait_for_end(service, wanted + len(series))
        check(service, jobs, senders, received, model)
    finally:
        service.close()
        if receiver is not None:
            receiver.terminate()
            receiver.wait(30)
    return log


def wait_for_end(service: Service, expected: int) -> list[dict]:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        jobs = service.get("/queue").json["jobs"]
        ended = [job for job in jobs if job["state"] in ("done", "failed", "forwarded")]
        if len(jobs) == len(ended) == expected:
            return jobs
        time.sleep(0.5)
    raise AssertionError(f"{jobs}\n{service.log_text()[-5000:]}")


def check(
    service: Service, jobs: list[dict], senders: Senders, received: Path, model: Path
) -> None:
    by_id = {job["id"]: job for job in jobs}
    assert {job["state"] for job in jobs} <= {"done", "forwarded"}, jobs
    table = LabelTable.from_names(["left block", "right block"])
    for path, job_id in senders.accepted.items():
        assert by_id[job_id]["name"] == path.name
        answer = service.get(f"/jobs/{job_id}/labels")
        assert answer.status == 200
        labels = path.with_suffix(".seg.nrrd")
        labels.write_bytes(answer.body)
        assert read_labels(labels, table).array.shape == SHAPE
    by_dicom = [job for job in jobs if job["came_by"] == "dicom"]
    assert all(job["state"] == "forwarded" for job in by_dicom)
    assert len(list(received.iterdir())) == len(by_dicom) == len(senders.stored)
    homes = list((service.data / "jobs").iterdir())
    assert {home.name for home in homes} == set(by_id)
    assert all({one.name for one in home.iterdir()} == {"input", "output"} for home in homes)
    assert list((service.data / "incoming").iterdir()) == []


@pytest.mark.timeout(READY_SECONDS + 2 * GIVE_UP_SECONDS)
def test_killed_three_times(tmp_path: Path, plain_bundle: Path) -> None:
    assert len(killed(tmp_path, plain_bundle, 3)) == 3


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_killed_fifty_times(
    tmp_path: Path, plain_bundle: Path, record_property: pytest.FixtureRequest
) -> None:
    log = killed(tmp_path, plain_bundle, 50)
    assert len(log) == 50
    record_property("kills", "\n".join(log))
