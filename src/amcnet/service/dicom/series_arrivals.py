"""Series that arrive image by image: each image is on disk before the sender gets its status."""

import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amcnet.bundle.bundle import sha256_of
from amcnet.io.verified_files import synchronise, synchronise_folder
from amcnet.service.job_desk import JobDesk
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_queue import new_id
from amcnet.service.queue.stored_job import State, StoredJob

_log = logging.getLogger(__name__)

SERIES_FOLDER = "series"
_BROKEN_OFF_FACTOR = 6  # factor on the waiting time after a broken association


@dataclass(frozen=True)
class ArrivedImage:
    """An image that was received into a temporary file.

    Attributes:
        path: The file.
        series: UID of its series.
        instance: UID of the image.
        owner: Owner of jobs from this sender.
        association: Number of its association.
    """

    path: Path
    series: str
    instance: str
    owner: str
    association: int


class SeriesArrivals:
    """Collects the images of each series and makes it a job when it is complete.

    A series is complete when the sender has released its association and nothing has arrived for
    some seconds. If a sender broke off, the wait is longer, since most senders try again; after
    that the job continues with the images that have arrived.

    Args:
        desk: Accepts jobs.
        options: Options of every series.
        quiet_seconds: How long nothing may arrive before a series counts as complete.
        clock: Returns seconds since 1970.
    """

    def __init__(
        self,
        desk: JobDesk,
        options: JobOptions,
        quiet_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._desk, self._options = desk, options
        self._quiet, self._clock = quiet_seconds, clock
        self._began = clock()  # a sender cannot have tried again before
        self._lock = threading.Lock()
        self._feeding: dict[int, set[str]] = {}

    def store(self, image: ArrivedImage) -> None:
        """Store an image; when this returns, it is on the disk and its series in the queue.

        Raises:
            NoRoomError: If the disk has no room for new jobs.
            OSError: If the disk is full or fails.
            sqlite3.Error: If the queue cannot be written.
        """
        self._desk.folders.check_room()
        with self._lock:
            job = self._open_job(image)
            is_new = job is None
            if job is None:
                now = self._clock()
                values = self._options.model_dump(mode="json")
                job = StoredJob(
                    new_id(), image.owner, State.RECEIVED, SERIES_FOLDER, values, now, now,
                    series=image.series,
                )  # fmt: skip
            folder = self._desk.folders.input(job.id) / SERIES_FOLDER
            try:
                folder.mkdir(parents=True, exist_ok=True)
                target = folder / _file_name(image.instance)
                synchronise(image.path)
                os.replace(image.path, target)  # noqa: PTH105  also replaces on Windows
                synchronise_folder(folder)
                if is_new:
                    synchronise_folder(folder.parent)
                    synchronise_folder(folder.parent.parent)
                    self._desk.queue.receive(job)
                    _log.info("job %s begins to arrive from %s", job.id, job.owner)
                else:
                    self._desk.queue.touch(job.id, was_released=False)
            except BaseException:
                if is_new:
                    self._desk.folders.remove(job.id)
                raise
            self._feeding.setdefault(image.association, set()).add(job.id)

    def end(self, association: int, was_released: bool) -> None:
        """Record that an association has ended, in order or not."""
        with self._lock:
            for job_id in self._feeding.pop(association, set()):
                self._desk.queue.touch(job_id, was_released)

    def complete(self) -> int:
        """Queue the series that are complete; return their number."""
        with self._lock:
            busy = {job_id for jobs in self._feeding.values() for job_id in jobs}
            due = [
                job
                for job in self._desk.queue.in_state(State.RECEIVED)
                if job.id not in busy and self._is_quiet(job)
            ]
            for job in due:
                self._complete(job)
        if due:
            self._desk.wake.set()
        return len(due)

    def _open_job(self, image: ArrivedImage) -> StoredJob | None:
        arriving = self._desk.queue.of_series(image.owner, image.series)
        return next((job for job in arriving if job.state is State.RECEIVED), None)

    def _is_quiet(self, job: StoredJob) -> bool:
        wait = self._quiet * (1 if job.was_released else _BROKEN_OFF_FACTOR)
        return self._clock() - max(job.updated, self._began) >= wait

    def _complete(self, job: StoredJob) -> None:
        folder = self._desk.folders.input(job.id) / SERIES_FOLDER
        former = [
            one
            for one in self._desk.queue.of_series(job.owner, job.series)
            if one.id != job.id and one.state is not State.RECEIVED
        ]
        if former:
            self._add_former(former[-1], folder)
        found, is_new = self._desk.queue.complete(job.id, _digest(folder))
        if not is_new:
            self._desk.folders.remove(job.id)
            _log.info("job %s arrived again", found.id)
            return
        for one in former:  # it lacked images, and has no result or none that counts
            if one.state in (State.QUEUED, State.RUNNING, State.FAILED):
                self._desk.delete(one.id)
        state = "complete" if job.was_released else "as far as its sender came"
        images = sum(1 for _ in folder.iterdir())
        _log.info("job %s was accepted: a series of %d images, %s", job.id, images, state)

    def _add_former(self, former: StoredJob, folder: Path) -> None:
        """Add the images of the same series that came before: a late one belongs to them."""
        before = self._desk.folders.input(former.id) / SERIES_FOLDER
        for path in sorted(before.iterdir()) if before.is_dir() else ():
            target = folder / path.name
            if not target.exists():
                shutil.copyfile(path, target)
                synchronise(target)
        synchronise_folder(folder)


def _file_name(instance: str) -> str:
    """Return a file name for an image; its UID itself may hold anything."""
    return f"{hashlib.sha256(instance.encode()).hexdigest()[:32]}.dcm"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()
