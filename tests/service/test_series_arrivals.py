"""Series that arrive in every order; no network is needed for that."""

import threading
from pathlib import Path

import pytest

from amcnet.service.dicom.forwarder import waiting_seconds
from amcnet.service.dicom.series_arrivals import SERIES_FOLDER, ArrivedImage, SeriesArrivals
from amcnet.service.job_desk import JobDesk
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders, NoRoomError
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.retention import recover_queue
from amcnet.service.queue.stored_job import ResultFacts, State

from .conftest import Clock

QUIET = 10


@pytest.fixture
def desk(queue: JobQueue, folders: JobFolders) -> JobDesk:
    return JobDesk(queue, folders, threading.Event())


@pytest.fixture
def arrivals(desk: JobDesk, clock: Clock) -> SeriesArrivals:
    return SeriesArrivals(desk, JobOptions(forward=True), QUIET, clock)


class Sender:
    def __init__(self, arrivals: SeriesArrivals, folder: Path) -> None:
        self._arrivals, self._folder = arrivals, folder

    def send(self, *numbers: int, series: str = "1.2", title: str = "ECHO", via: int = 1) -> None:
        for number in numbers:
            path = self._folder / f"temporary-{number}"
            path.write_bytes(f"{series} image {number}".encode())
            image = ArrivedImage(path, series, f"{series}.{number}", f"dicom:{title}", via)
            self._arrivals.store(image)
            assert not path.exists()


@pytest.fixture
def sender(arrivals: SeriesArrivals, tmp_path: Path) -> Sender:
    return Sender(arrivals, tmp_path)


def images(desk: JobDesk, job_id: str) -> int:
    return len(list((desk.folders.input(job_id) / SERIES_FOLDER).iterdir()))


def test_a_released_and_quiet_series_is_one_study(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1, 2, 3)
    (job,) = desk.queue.in_state(State.RECEIVED)
    clock.now += 1000
    assert arrivals.complete() == 0  # the association is still open
    arrivals.end(1, was_released=True)
    clock.now += QUIET - 1
    assert arrivals.complete() == 0
    clock.now += 1
    assert arrivals.complete() == 1
    (queued,) = desk.queue.in_state(State.QUEUED)
    assert (queued.id, queued.was_released, images(desk, job.id)) == (job.id, True, 3)
    assert queued.options["forward"]
    assert desk.wake.is_set()


def test_two_associations_and_two_series(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1, via=1)
    sender.send(2, via=2)
    sender.send(1, 2, series="1.3", via=1)
    arrivals.end(1, was_released=True)
    clock.now += QUIET
    assert arrivals.complete() == 1  # the other one still gets images by association 2
    arrivals.end(2, was_released=True)
    clock.now += QUIET
    assert arrivals.complete() == 1
    assert [images(desk, job.id) for job in desk.queue.in_state(State.QUEUED)] == [2, 2]


def test_the_same_series_again_is_the_same_study(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    for _ in range(2):
        sender.send(1, 2)
        arrivals.end(1, was_released=True)
        clock.now += QUIET
        arrivals.complete()
    assert len(desk.queue.listed()) == 1
    assert len(list((desk.folders.data / "jobs").iterdir())) == 1
    sender.send(1, 2, title="OTHER")  # another sender's is another one
    arrivals.end(1, was_released=True)
    clock.now += QUIET
    arrivals.complete()
    assert len(desk.queue.listed()) == 2


def test_a_sender_that_broke_off_is_waited_for(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1, 2)
    arrivals.end(1, was_released=False)
    clock.now += 2 * QUIET
    assert arrivals.complete() == 0
    sender.send(1, 2, 3, via=2)  # it begins again
    arrivals.end(2, was_released=True)
    clock.now += QUIET
    assert arrivals.complete() == 1
    (job,) = desk.queue.listed()
    assert (images(desk, job.id), job.was_released) == (3, True)


def test_what_a_sender_left_is_worked_on_at_last(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1, 2)
    arrivals.end(1, was_released=False)
    clock.now += 6 * QUIET
    assert arrivals.complete() == 1
    (job,) = desk.queue.listed()
    assert (job.state, job.was_released) == (State.QUEUED, False)


def test_late_images_join_those_that_came_before(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1, 2)
    arrivals.end(1, was_released=True)
    clock.now += QUIET
    arrivals.complete()
    (first,) = desk.queue.listed()
    sender.send(3)
    arrivals.end(1, was_released=True)
    clock.now += QUIET
    arrivals.complete()
    (job,) = desk.queue.listed()  # the first had not begun: it is part of the second
    assert (images(desk, job.id), job.id == first.id) == (3, False)
    desk.queue.claim()
    desk.queue.finish(job.id, ResultFacts("ok", 1, 1, 1.0))
    sender.send(2)
    arrivals.end(1, was_released=True)
    clock.now += QUIET
    arrivals.complete()
    assert [one.id for one in desk.queue.listed()] == [job.id]  # nothing new in it


def test_a_part_that_failed_is_replaced_by_the_whole(
    desk: JobDesk, arrivals: SeriesArrivals, sender: Sender, clock: Clock
) -> None:
    sender.send(1)
    arrivals.end(1, was_released=False)
    clock.now += 6 * QUIET
    arrivals.complete()
    (part,) = desk.queue.listed()
    desk.queue.claim()
    desk.queue.fail(part.id, "one image is no volume")
    sender.send(1, 2, 3, via=2)
    arrivals.end(2, was_released=True)
    clock.now += QUIET
    arrivals.complete()
    (whole,) = desk.queue.listed()
    assert (whole.state, images(desk, whole.id)) == (State.QUEUED, 3)
    assert [home.name for home in (desk.folders.data / "jobs").iterdir()] == [whole.id]


def test_a_series_survives_a_crash(
    desk: JobDesk, sender: Sender, clock: Clock, tmp_path: Path
) -> None:
    sender.send(1, 2)
    (desk.folders.incoming / "temporary").write_bytes(b"half an image")
    after = SeriesArrivals(desk, JobOptions(forward=True), QUIET, clock)
    recover_queue(desk.queue, desk.folders)
    assert list(desk.folders.incoming.iterdir()) == []
    clock.now += 5 * QUIET
    late = SeriesArrivals(desk, JobOptions(forward=True), QUIET, clock)
    assert late.complete() == 0  # the sender has had no time to try again
    Sender(after, tmp_path).send(1, 2, 3)
    after.end(1, was_released=True)
    clock.now += QUIET
    assert after.complete() == 1
    (job,) = desk.queue.listed()
    assert images(desk, job.id) == 3


def test_a_full_disk_takes_no_image(
    queue: JobQueue, folders: JobFolders, clock: Clock, tmp_path: Path
) -> None:
    full = JobDesk(queue, JobFolders(folders.data, reserve_bytes=2**60), threading.Event())
    with pytest.raises(NoRoomError):
        Sender(SeriesArrivals(full, JobOptions(), QUIET, clock), tmp_path).send(1)
    assert queue.listed() == []
    assert list((folders.data / "jobs").iterdir()) == []


def test_pauses_between_attempts_grow_to_an_hour() -> None:
    pauses = [waiting_seconds(attempts) for attempts in range(30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, 3600)
