"""Forwarding when the destination, or what is sent, behaves as nobody expected."""

from pathlib import Path
from threading import Event

import pytest

from amcnet.service.dicom.forwarder import Forwarder
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.stored_job import ResultFacts, State

from .conftest import Clock, a_job

pytest.importorskip("highdicom", reason="highdicom is missing: pip install 'amcnet[dicom]'")
FACTS = ResultFacts("ok", 1, 1, 1.0)


def test_a_result_that_cannot_be_sent_does_not_hold_up_the_next(
    queue: JobQueue, folders: JobFolders, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first file is no DICOM, on which the reading library raises an error of its own."""
    jobs = []
    for number in range(2):
        job, _ = queue.submit(a_job(clock), str(number))
        queue.claim()
        folders.output(job.id).mkdir(parents=True)
        (folders.output(job.id) / "labels.dcm").write_bytes(b"no DICOM")
        queue.finish(job.id, FACTS, forward=True)
        jobs.append(job.id)
    sent: list[Path] = []
    forwarder = Forwarder(queue, folders, "http://127.0.0.1:9", "AMCNET", Event(), Event())

    def send(path: Path) -> None:
        if jobs[0] in str(path):
            from pydicom import dcmread

            dcmread(path)
        sent.append(path)

    forwarder._send = send
    forwarder.step()
    stuck, forwarded = queue.find(jobs[0]), queue.find(jobs[1])
    assert (stuck.state, stuck.attempts) == (State.FORWARDING, 1)
    assert stuck.error == "it could not be sent (InvalidDicomError)"
    assert stuck.not_before > clock.now
    assert forwarded.state is State.FORWARDED
    assert [path.name for path in sent] == ["labels.dcm"]
