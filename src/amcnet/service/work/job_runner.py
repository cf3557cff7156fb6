"""Work on one job: from its files to a result that is on the disk and in the queue."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal

from amcnet.errors import AmcnetError, NotEnoughMemoryError, OutputError
from amcnet.extras import has_extra
from amcnet.io import is_dicom
from amcnet.io.dicom.seg_writing import check_source
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders, is_full
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.stored_job import ResultFacts, StoredJob
from amcnet.service.work.job_feed import JobFeed
from amcnet.service.work.job_output import (
    reading_of,
    scrubbed,
    store_result,
    task_of,
    volume_of,
    without_folders,
)
from amcnet.service.work.service_model import ModelFacts
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.events import JsonEvents
from amcnet.workflows.segment.options import AXES_SEARCH, Job, SegmentOptions
from amcnet.workflows.segment.progress_display import Listener
from amcnet.workflows.segment.result import SegmentedFile

_log = logging.getLogger(__name__)

_MEMORY_WAIT_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 600.0
_MOST_MEMORY_WAITS = 6
_WAIT_SECONDS = 30.0
_BROKEN_OFF = (
    "the sender broke off before it had ended its association: the series may be incomplete"
)


Wanted = Literal["memory", "disk space", "the cluster"]


class WaitError(AmcnetError):
    """A job cannot run now, but perhaps later.

    Attributes:
        wanted: The resource that it waits for.
    """

    def __init__(self, reason: str, wanted: Wanted) -> None:
        super().__init__(reason)
        self.wanted = wanted


class InterruptedWorkError(AmcnetError):
    """The service ends; the job runs again after the next start."""


SegmentOne = Callable[[StoredJob, Job, SegmentOptions, Listener], Outcome[SegmentedFile]]
"""Segments a volume, here or elsewhere, and returns the outcome.

It raises WaitError if the volume has to wait, and InterruptedWorkError when the service ends.
"""


def add_nothing(folder: Path, source: Path, event: dict[str, Any]) -> None:
    """Add nothing."""


class JobRunner:
    """Takes jobs from the queue and completes them.

    Args:
        queue: The queue.
        folders: Where the files are.
        feed: Receives progress events.
        model: Facts about the model.
        options_for: Returns the segmentation options of a job.
        segment: Segments a volume.
        forwards: Whether results are forwarded if a job asks for it.
        finish_folder: Adds files to the folder of a forwarded result: (folder, source, event).
    """

    def __init__(
        self,
        queue: JobQueue,
        folders: JobFolders,
        feed: JobFeed,
        model: ModelFacts,
        options_for: Callable[[JobOptions], SegmentOptions],
        segment: SegmentOne,
        forwards: bool,
        finish_folder: Callable[[Path, Path, dict[str, Any]], None] = add_nothing,
    ) -> None:
        self._queue, self._folders, self._feed = queue, folders, feed
        self._model, self._options_for = model, options_for
        self._segment, self._forwards = segment, forwards
        self._finish_folder = finish_folder
        self.result_is_ready = Event()

    def run(self, job: StoredJob) -> None:
        """Work on a claimed job; the outcome is always recorded in the queue.

        Raises:
            InterruptedWorkError: If the service ends meanwhile.
        """
        started = time.monotonic()
        _log.info("job %s begins", job.id)
        try:
            self._work(job)
        except InterruptedWorkError:
            raise
        except WaitError as error:
            self._wait(job, error, time.monotonic() - started)
        except Exception as error:
            if is_full(error):
                self._wait(job, _disk_wait(), time.monotonic() - started)
            else:
                _log.exception("job %s failed with an unforeseen error", job.id)
                self._fail(job, f"{type(error).__name__}: {error}", time.monotonic() - started)
        finally:
            self._feed.end(job.id)
            if self._queue.find(job.id) is None:  # deleted while it was worked on
                self._folders.remove(job.id)

    def _work(self, job: StoredJob) -> None:
        wanted = JobOptions(**job.options)
        source, folder = volume_of(job, self._folders), self._folders.begin_output(job.id)
        forward, why_not = self._forwarding(wanted, source)
        task = task_of(job, source, folder, wanted.report, forward)
        options = self._options_for(wanted)
        events = JsonEvents(partial(self._emit, job, folder))
        events.begin([task])
        outcome = self._segment(job, task, options, events.listen)
        if outcome.error is not None:
            self._fail(job, outcome.error, outcome.seconds)
            return
        result = outcome.result
        if result is None:  # for the type checker: an outcome has a result or an error
            return
        event = self._final_event(job, task, outcome)
        event["notes"] += [why_not] if why_not else []
        store_result(folder, event, self._model.labels)
        if forward:
            self._finish_folder(folder, source, event)
        self._folders.finish_output(job.id)
        facts = ResultFacts(result.verdict, result.found, result.wanted, outcome.seconds)
        if self._queue.finish(job.id, facts, forward):
            found, verdict = f"{result.found} of {result.wanted}", result.verdict or "none"
            text = "job %s is done: %s structures, verdict %s, %.1f s"
            _log.info(text, job.id, found, verdict, outcome.seconds)
            self.result_is_ready.set()

    def _final_event(
        self, job: StoredJob, task: Job, outcome: Outcome[SegmentedFile]
    ) -> dict[str, Any]:
        """Return the ``result`` event, without the server's folders."""
        events: list[dict[str, Any]] = []
        told = JsonEvents(events.append)
        told.begin([task])
        told.outcome(task, outcome)
        event = scrubbed(events[0], self._folders.input(job.id), task.target.parent)
        broke_off = bool(job.series) and not job.was_released
        notes = [*event["notes"], *([_BROKEN_OFF] if broke_off else [])]
        return event | {"input": job.name, "notes": notes}

    def _forwarding(self, wanted: JobOptions, source: Path) -> tuple[bool, str]:
        """Return whether to forward a result; if that is requested but impossible, also why."""
        if not (wanted.forward and self._forwards and has_extra("dicom") and is_dicom(source)):
            return False, ""
        try:
            axes = "auto" if wanted.axes == AXES_SEARCH else wanted.axes
            check_source(reading_of(wanted, axes).geometry(source))
        except OutputError as error:
            return False, f"the result is not forwarded: {error}"
        except AmcnetError:  # reading the volume reports the same
            pass
        return True, ""

    def _emit(self, job: StoredJob, folder: Path, event: dict[str, Any]) -> None:
        clean = scrubbed(event, self._folders.input(job.id), folder)
        self._feed.add(job.id, clean | {"input": job.name})

    def _fail(self, job: StoredJob, error: str, seconds: float) -> None:
        folders = self._folders.input(job.id), self._folders.partial_output(job.id)
        text = without_folders(error, *folders)
        self._folders.discard_output(job.id)
        if self._queue.fail(job.id, text, seconds):
            _log.info("job %s failed after %.1f s", job.id, seconds)

    def _wait(self, job: StoredJob, error: WaitError, seconds: float) -> None:
        is_memory = error.wanted == "memory"
        if is_memory and job.attempts >= _MOST_MEMORY_WAITS:
            self._fail(job, str(error), seconds)
            return
        wait = _WAIT_SECONDS
        if is_memory:
            wait = min(_LONGEST_WAIT_SECONDS, _MEMORY_WAIT_SECONDS * 2**job.attempts)
        self._folders.discard_output(job.id)
        clean = without_folders(str(error), self._folders.input(job.id))
        if self._queue.postpone(job, wait, clean):
            _log.info("job %s waits %.0f s for %s", job.id, wait, error.wanted)


def classify(error: Exception) -> Exception:
    """Turn an error into one that lets a job wait, if waiting can help."""
    if isinstance(error, NotEnoughMemoryError | MemoryError):
        return WaitError(str(error) or "there is not enough memory", "memory")
    return _disk_wait() if is_full(error) else error


def _disk_wait() -> WaitError:
    return WaitError("the server's disk is full", "disk space")
