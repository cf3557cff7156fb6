import os
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.service.queue.job_folders import JobFolders, NoRoomError, is_full
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.queue_database import QueueDatabase
from amcnet.service.queue.retention import delete_expired, recover_queue
from amcnet.service.queue.stored_job import ResultFacts, State

from .conftest import Clock, a_job

FACTS = ResultFacts("ok", 38, 38, 2.5)


def test_a_study_goes_through_its_states(queue: JobQueue, clock: Clock) -> None:
    job, is_new = queue.submit(a_job(clock), "digest")
    assert is_new
    claimed = queue.claim()
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.started) == (job.id, State.RUNNING, clock.now)
    assert queue.claim() is None
    assert queue.finish(job.id, FACTS)
    done = queue.find(job.id)
    assert done is not None
    assert (done.state, done.verdict, done.found, done.seconds) == (State.DONE, "ok", 38, 2.5)
    assert not queue.finish(job.id, FACTS)  # a result is recorded once


def test_the_oldest_study_is_first(queue: JobQueue, clock: Clock) -> None:
    names = [queue.submit(a_job(clock), str(n))[0].id for n in range(4)]
    assert queue.positions() == {name: number for number, name in enumerate(names)}
    assert queue.next_queued().id == names[0]
    assert queue.claim().id == names[0]
    assert queue.positions()[names[3]] == 3  # one of the three is being worked on
    assert [queue.claim().id for _ in range(3)] == names[1:]


def test_submitters_take_turns(queue: JobQueue, clock: Clock) -> None:
    def submit(owner: str, number: int) -> str:
        return queue.submit(a_job(clock, owner=owner), str(number))[0].id

    many = [submit("anna", number) for number in range(200)]
    assert [queue.claim().id for _ in range(2)] == many[:2]
    few = [submit("berta", number) for number in range(3)]
    scanner = submit("dicom:ECHO", 0)
    positions = queue.positions()
    order = [few[0], scanner, many[2], few[1], many[3], few[2], many[4]]
    assert [positions[name] for name in order] == list(range(2, 9))  # after the two that run
    for name in order[:3]:
        assert queue.next_queued().id == name
        assert queue.claim().id == name
    late = submit("carl", 0)
    assert [queue.claim().id for _ in range(4)] == [late, *order[3:6]]


def test_deleting_results_wins_no_turn(queue: JobQueue, clock: Clock) -> None:
    for number in range(4):
        queue.submit(a_job(clock), str(number))
        queue.submit(a_job(clock, owner="berta"), str(number))
    owners = []
    while (job := queue.claim()) is not None:
        owners.append(job.owner)
        if job.owner == "anna":
            queue.delete(job.id)
    assert owners == ["anna", "berta"] * 4


def test_one_that_waits_does_not_hold_up_its_submitter(queue: JobQueue, clock: Clock) -> None:
    queue.submit(a_job(clock), "1")
    second, _ = queue.submit(a_job(clock), "2")
    queue.postpone(queue.claim(), 60, "no memory")
    assert queue.claim().id == second.id


@pytest.mark.parametrize(
    ("change", "digest", "is_same"),
    [
        ({}, "digest", True),
        ({}, "another", False),
        ({"owner": "berta"}, "digest", False),
        ({"options": {"quality": "best"}}, "digest", False),
    ],
)
def test_the_same_content_is_one_study(
    queue: JobQueue, clock: Clock, change: dict, digest: str, is_same: bool
) -> None:
    first, _ = queue.submit(a_job(clock), "digest")
    second, is_new = queue.submit(a_job(clock, **change), digest)
    assert (first.id == second.id, is_new) == (is_same, not is_same)


def test_a_failed_study_is_tried_again_when_it_is_sent_again(queue: JobQueue, clock: Clock) -> None:
    job, _ = queue.submit(a_job(clock), "digest")
    queue.claim()
    assert queue.fail(job.id, "no")
    assert queue.find(job.id).error == "no"
    again, is_new = queue.submit(a_job(clock), "digest")
    assert (again.id, again.state, again.error, is_new) == (job.id, State.QUEUED, "", False)


def test_sixteen_threads_claim_every_study_once(queue: JobQueue, clock: Clock) -> None:
    names = {queue.submit(a_job(clock), str(n))[0].id for n in range(100)}
    claimed: list[str] = []

    def claim() -> None:
        while (job := queue.claim()) is not None:
            claimed.append(job.id)

    threads = [threading.Thread(target=claim) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 100
    assert set(claimed) == names


def test_a_postponed_study_waits(queue: JobQueue, clock: Clock) -> None:
    queue.submit(a_job(clock), "digest")
    job = queue.claim()
    assert queue.postpone(job, 60, "no memory")
    assert queue.claim() is None
    clock.now += 61
    again = queue.claim()
    assert (again.attempts, again.error) == (1, "no memory")


def test_forwarding_is_retried_until_it_succeeds(queue: JobQueue, clock: Clock) -> None:
    job, _ = queue.submit(a_job(clock), "digest")
    queue.claim()
    queue.finish(job.id, FACTS, forward=True)
    (due,) = queue.forwarding_due()
    queue.postpone(due, 60, "nobody answers")
    assert queue.forwarding_due() == []
    assert queue.find(job.id).error == "nobody answers"
    assert queue.expired(0) == []  # what is not there yet is not deleted
    assert queue.retry(job.id)
    assert [one.id for one in queue.forwarding_due()] == [job.id]
    assert queue.forwarded(job.id)
    assert queue.find(job.id).state is State.FORWARDED


def test_a_deleted_study_stays_deleted(queue: JobQueue, clock: Clock) -> None:
    job, _ = queue.submit(a_job(clock), "digest")
    queue.claim()
    assert queue.delete(job.id).id == job.id
    assert queue.delete(job.id) is None
    assert not queue.finish(job.id, FACTS)
    assert not queue.fail(job.id, "no")
    assert queue.listed() == []


def test_owners_see_their_own(queue: JobQueue, clock: Clock) -> None:
    queue.submit(a_job(clock), "1")
    queue.submit(a_job(clock, owner="berta"), "2")
    assert [job.owner for job in queue.listed("berta")] == ["berta"]
    assert [job.owner for job in queue.listed()] == ["berta", "anna"]


def test_a_killed_process_leaves_what_it_committed(tmp_path: Path) -> None:
    """The process ends without closing anything, in the middle of its next transaction."""
    code = f"""
import os
from pathlib import Path
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.queue_database import QueueDatabase
from amcnet.service.queue.stored_job import State, StoredJob
database = QueueDatabase(Path({str(tmp_path / "q.sqlite")!r}))
queue = JobQueue(database)
for n in range(3):
    queue.submit(StoredJob(f"j{{n}}", "a", State.QUEUED, "a.nrrd", {{}}, 1.0, 1.0), str(n))
queue.claim()
with database.transaction() as connection:
    connection.execute("DELETE FROM jobs")
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode in (-9, 1, 9)
    database = QueueDatabase(tmp_path / "q.sqlite")
    queue = JobQueue(database)
    assert [job.id for job in queue.recover()] == ["j0"]
    assert [job.id for job in queue.in_state(State.QUEUED)] == ["j0", "j1", "j2"]
    database.close()


def test_a_study_that_ends_every_process_fails_at_last(queue: JobQueue, clock: Clock) -> None:
    job, _ = queue.submit(a_job(clock), "digest")
    for _ in range(20):
        assert queue.claim().id == job.id
        queue.recover()
        assert queue.find(job.id).state is State.QUEUED
    queue.claim()
    queue.recover()
    failed = queue.find(job.id)
    assert failed.state is State.FAILED
    assert "the service ended 21 times" in failed.error
    queue.submit(a_job(clock), "digest")  # on request it is tried again
    assert queue.claim().id == job.id
    queue.recover()
    assert queue.find(job.id).state is State.QUEUED


def test_recovery_removes_what_is_half_written(
    queue: JobQueue, folders: JobFolders, clock: Clock
) -> None:
    jobs = [queue.submit(a_job(clock), str(n))[0] for n in range(3)]
    for job in jobs:
        with folders.new_incoming() as incoming:
            (incoming / "a.nrrd").write_bytes(b"x")
            folders.accept(incoming, job.id)
    finished, interrupted, waiting = jobs
    queue.claim()
    (folders.begin_output(finished.id) / "labels.seg.nrrd").write_bytes(b"y")
    folders.finish_output(finished.id)
    queue.finish(finished.id, FACTS)
    queue.claim()
    (folders.begin_output(interrupted.id) / "labels.seg.nrrd").write_bytes(b"y")
    folders.finish_output(interrupted.id)  # killed before the queue knew
    (folders.begin_output(waiting.id) / "labels.seg.nrrd").write_bytes(b"half")
    (folders.data / "incoming" / "upload").mkdir()
    (folders.data / "incoming" / "stray").write_bytes(b"")
    (folders.data / "jobs" / "unknown" / "input").mkdir(parents=True)

    recover_queue(queue, folders)
    assert list((folders.data / "incoming").iterdir()) == []
    assert {home.name for home in (folders.data / "jobs").iterdir()} == {job.id for job in jobs}
    assert folders.output(finished.id).is_dir()
    for job in (interrupted, waiting):
        assert {path.name for path in folders.output(job.id).parent.iterdir()} == {"input"}
        assert queue.find(job.id).state is State.QUEUED


def test_retention_deletes_what_ended_and_says_so(
    queue: JobQueue, folders: JobFolders, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="amcnet.service")
    old, _ = queue.submit(a_job(clock, name="Doe^John.nrrd"), "1")
    waiting, _ = queue.submit(a_job(clock), "2")
    with folders.new_incoming() as incoming:
        (incoming / "Doe^John.nrrd").write_bytes(b"x")
        folders.accept(incoming, old.id)
    queue.claim()
    queue.finish(old.id, FACTS)
    clock.now += 3600 * 72 - 1
    assert delete_expired(queue, folders, 72) == 0
    clock.now += 2
    assert delete_expired(queue, folders, 72) == 1
    assert [job.id for job in queue.listed()] == [waiting.id]
    assert list((folders.data / "jobs").iterdir()) == []
    assert f"job {old.id} (done) was deleted after 72 hours" in caplog.text
    assert "Doe" not in caplog.text


def test_a_rejected_upload_leaves_nothing(folders: JobFolders) -> None:
    def upload() -> None:
        with folders.new_incoming() as incoming:
            (incoming / "a").write_bytes(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        upload()
    assert list((folders.data / "incoming").iterdir()) == []


def test_a_disk_without_room_refuses_new_studies(tmp_path: Path) -> None:
    with pytest.raises(NoRoomError, match="the server's disk is full") as caught:
        JobFolders(tmp_path / "data", reserve_bytes=2**60).check_room()
    assert is_full(caught.value)
    JobFolders(tmp_path / "data", reserve_bytes=0).check_room(10)
    assert is_full(sqlite3.OperationalError("database or disk is full"))
    assert not is_full(ValueError("no"))


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_only_its_user_can_read_the_data(
    queue: JobQueue, folders: JobFolders, clock: Clock
) -> None:
    job, _ = queue.submit(a_job(clock), "1")
    with folders.new_incoming() as incoming:
        folders.accept(incoming, job.id)
    for path in [folders.data, *folders.data.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600) or path.name == "input", path


def test_a_later_or_damaged_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(OutputError, match="queue format 99"):
        QueueDatabase(path)
    path.write_bytes(b"no database " * 100)
    with pytest.raises(OutputError, match="cannot be used as a queue"):
        QueueDatabase(path)


def test_options_survive(queue: JobQueue, clock: Clock) -> None:
    job = a_job(clock, options={"only": ["thumb"], "spacing_mm": [1.0, 0.5, 0.1]})
    queue.submit(job, "1")
    assert replace(queue.find(job.id)) == job
