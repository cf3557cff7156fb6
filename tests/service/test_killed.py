"""kill -9 at random moments: every accepted study ends in exactly one result, none half-written.

Each kill waits until the service is in the situation that it aims at, and then a random time:

    receiving    an upload or a DICOM series is arriving
    queued       a study waits for its turn
    computing    a study is being segmented
    forwarding   a result is on its way to a DICOM node, which takes its time
    starting     the service is starting, and puts the queue in order

The files of the killed process say which situations a kill really hit. The figures of
docs/serving-figures.md come from

    AMCNET_KILLS_JSON=results/service_kills.json \\
        python -m pytest -m slow tests/service/test_killed.py
"""

import contextlib
import http.client
import json
import math
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.io import Geometry, read_labels, write_image

from ..io.dicom.conftest import Scan, write_series
from .running import AXES, READY_SECONDS, Service, dcmtk
from .test_dicom import free_port

SITUATIONS = ("receiving", "queued", "computing", "forwarding")
AIMS = (*SITUATIONS, "starting")
SHAPE, PIECES = (16, 24, 20), 5
QUIET_SECONDS = 4  # six times as long a sender that broke off may take to try again
LONGEST_AIM_SECONDS = 60
GIVE_UP_SECONDS = 900
HAS_DICOM = dcmtk("storescu") is not None and dcmtk("storescp") is not None


class Senders:
    """People and scanners that send until they are told of success, as real ones do."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service, self._folder = service, folder
        self._noise = np.random.default_rng(1)
        self._threads: list[threading.Thread] = []
        self.volumes: list[Path] = []
        self.series: list[Path] = []
        self.accepted: dict[Path, str] = {}
        self.stored: set[Path] = set()
        self._deadline = math.inf

    def _voxels(self) -> np.ndarray:
        return self._noise.integers(0, 255, SHAPE).astype(np.uint8)

    def upload(self, pause_seconds: float = 0.0) -> None:
        """Begin to send another volume, with pauses if wanted."""
        self.volumes.append(self._folder / f"volume-{len(self.volumes)}.nrrd")
        grid = Geometry.canonical(SHAPE, (1.2, 1.0, 0.9))
        write_image(self.volumes[-1], self._voxels(), grid)
        self._begin(self._upload, self.volumes[-1], pause_seconds)

    def store(self) -> None:
        """Begin to send another series by DICOM."""
        scan = Scan(self._voxels(), spacing_mm=(0.6, 0.8, 0.5), direction=np.eye(3))
        self.series.append(write_series(self._folder / f"series-{len(self.series)}", scan))
        self._begin(self._store, self.series[-1])

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def join(self) -> None:
        self._deadline = time.monotonic() + GIVE_UP_SECONDS
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS)
        assert set(self.accepted) == set(self.volumes), self._service.log_text()[-3000:]
        assert self.stored == set(self.series), self._service.log_text()[-3000:]

    def _upload(self, path: Path, pause_seconds: float) -> None:
        content = path.read_bytes()
        headers = {"Content-Length": str(len(content))}
        while time.monotonic() < self._deadline:
            try:
                answer = self._service.request(
                    "POST", "/jobs", slowly(content, pause_seconds), None, headers,
                    name=path.name, report="false", axes=AXES,
                )  # fmt: skip
            except (OSError, http.client.HTTPException):
                time.sleep(random.uniform(0.1, 0.5))
                continue
            assert answer.status in (200, 201), answer.body
            self.accepted[path] = answer.json["id"]
            return

    def _store(self, folder: Path) -> None:
        command = [dcmtk("storescu"), "-aec", "AMCNET", "+sd", "-to", "5", "127.0.0.1"]
        command += [str(self._service.dicom_port), str(folder)]
        while time.monotonic() < self._deadline:
            if subprocess.run(command, capture_output=True).returncode == 0:
                self.stored.add(folder)
                return
            time.sleep(random.uniform(0.1, 0.5))


def slowly(content: bytes, pause_seconds: float) -> Iterator[bytes]:
    """Yield a body in pieces."""
    size = len(content) // PIECES
    for number in range(PIECES):
        yield content[number * size : (number + 1) * size if number < PIECES - 1 else None]
        time.sleep(pause_seconds)


def situation(data: Path, folder: Path) -> dict[str, int]:
    """Return what a killed service was doing, from copies of its files."""
    for name in ("queue.sqlite", "queue.sqlite-wal"):
        shutil.copyfile(data / name, folder / name)
    with contextlib.closing(sqlite3.connect(folder / "queue.sqlite")) as copy:
        rows = copy.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    states = Counter(dict(rows))
    arriving = states["received"] + sum(1 for _ in (data / "incoming").iterdir())
    counts = (arriving, states["queued"], states["running"], states["forwarding"])
    return dict(zip(SITUATIONS, counts, strict=True))


class Killer:
    """Ends a service in the situations that it aims at, and starts it again."""

    def __init__(self, service: Service, senders: Senders, folder: Path) -> None:
        self._service, self._senders, self._folder = service, senders, folder
        self._random = random.Random(0)
        self.log: list[str] = []
        self.hit: Counter[str] = Counter()

    def kill(self, aim: str) -> None:
        number = len(self.log) + 1
        self._give_work(aim, number)
        if aim == "starting":
            self._service.kill()
            self._service.launch()
            time.sleep(self._random.uniform(0, 4))
        else:
            self._wait_for(aim)
            time.sleep(self._random.uniform(0, 0.1 if aim == "computing" else 0.4))
        self._service.kill()
        found = situation(self._service.data, self._folder)
        self.hit.update(name for name, count in found.items() if count)
        self.hit["starting"] += aim == "starting"
        text = ", ".join(f"{name} {count}" for name, count in found.items())
        self.log.append(f"kill {number}, aimed at {aim}: {text}")
        self._service.start()

    def _give_work(self, aim: str, number: int) -> None:
        is_by_dicom = aim == "forwarding" or (aim == "receiving" and number % 2)
        if HAS_DICOM and is_by_dicom:
            self._senders.store()
            return
        for _ in range(1 if aim == "receiving" else 3):
            self._senders.upload(0.4 if aim == "receiving" else 0.0)

    def _wait_for(self, aim: str) -> None:
        state = {"receiving": "received", "computing": "running"}.get(aim, aim)
        deadline = time.monotonic() + LONGEST_AIM_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if self._service.get("/queue").json["counts"][state]:
                    return
            if aim == "receiving" and any((self._service.data / "incoming").iterdir()):
                return
            time.sleep(0.01)


def killed(tmp_path: Path, model: Path, kills: int) -> dict[str, Any]:
    """Kill a service again and again while others send to it; return what happened."""
    port, port_there, received = free_port(), free_port(), tmp_path / "received"
    received.mkdir()
    copies = tmp_path / "copies"
    copies.mkdir()
    options = ("--dicom", f"AMCNET:{port}", "--quiet", str(QUIET_SECONDS),
               "--forward", f"PACS@127.0.0.1:{port_there}")  # fmt: skip
    with archive(received, port_there):
        service = Service(tmp_path, model, *options)
        service.dicom_port = port
        senders = Senders(service, tmp_path)
        killer = Killer(service, senders, copies)
        try:
            for number in range(kills):
                killer.kill(AIMS[number % len(AIMS)])
            senders.join()
            expected = len(senders.volumes) + len(senders.series)
            check(service, wait_for_end(service, expected), senders, received)
        finally:
            service.close()
    return {"kills": kills, "hit": dict(killer.hit), "uploads": len(senders.volumes),
            "series": len(senders.series), "results": expected, "log": killer.log}  # fmt: skip


@contextlib.contextmanager
def archive(received: Path, port: int) -> Iterator[None]:
    """Run an archive that takes a second for every object."""
    if not HAS_DICOM:
        yield
        return
    command = [dcmtk("storescp"), "-aet", "PACS", "--sleep-during", "1", "-od", str(received)]
    with subprocess.Popen([*command, str(port)]) as receiver:
        try:
            yield
        finally:
            receiver.terminate()


def wait_for_end(service: Service, expected: int) -> list[dict]:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        jobs = service.get("/queue").json["jobs"]
        ended = [job for job in jobs if job["state"] in ("done", "failed", "forwarded")]
        if len(jobs) == len(ended) == expected:
            return jobs
        time.sleep(0.5)
    raise AssertionError(f"{jobs}\n{service.log_text()[-5000:]}")


def check(service: Service, jobs: list[dict], senders: Senders, received: Path) -> None:
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
    assert len(by_dicom) == len(senders.stored)
    sent = {(service.data / "jobs" / job["id"] / "output/labels.dcm") for job in by_dicom}
    assert sorted(map(voxels_of, sent)) == sorted(map(voxels_of, received.iterdir()))
    homes = list((service.data / "jobs").iterdir())
    assert {home.name for home in homes} == set(by_id)
    assert all({one.name for one in home.iterdir()} == {"input", "output"} for home in homes)
    assert list((service.data / "incoming").iterdir()) == []


def voxels_of(path: Path) -> tuple[str, bytes]:
    from pydicom import dcmread

    found = dcmread(path)
    return found.SOPInstanceUID, found.PixelData


@pytest.mark.slow
@pytest.mark.timeout(READY_SECONDS + 2 * GIVE_UP_SECONDS)
def test_killed_in_every_situation(tmp_path: Path, plain_bundle: Path) -> None:
    found = killed(tmp_path, plain_bundle, len(AIMS))
    aims = set(AIMS) if HAS_DICOM else set(AIMS) - {"forwarding"}
    assert set(found["hit"]) >= aims, found["log"]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_killed_fifty_times(tmp_path: Path, plain_bundle: Path) -> None:
    found = killed(tmp_path, plain_bundle, 50)
    if "AMCNET_KILLS_JSON" in os.environ:
        text = json.dumps(found, indent=1) + "\n"
        Path(os.environ["AMCNET_KILLS_JSON"]).write_text(text, encoding="utf-8")
    assert len(found["log"]) == 50
    if HAS_DICOM:
        assert all(found["hit"][aim] >= 5 for aim in AIMS), found["hit"]
