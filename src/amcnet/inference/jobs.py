"""Many volumes with one model: how they are segmented, and what came of each."""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event

from amcnet.errors import AmcnetError
from amcnet.inference.backends import BackendName
from amcnet.inference.batch import channel_files
from amcnet.inference.segmentation import Segmentation, Segmenter
from amcnet.inference.selection import MASK_EXTENSION, find_structures, keep_only, write_each
from amcnet.io import Volume, read_volume
from amcnet.parallel import Progress as SliceProgress
from amcnet.parallel import in_background, wait_for

Progress = Callable[[int, int, str], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentOptions:
    """How volumes are segmented and what is written.

    Attributes:
        models: Folders or names of models; several are an ensemble, none is the bundled one.
        backend: ``openvino`` or ``torch``.
        axes: ``auto`` or what the x, y, z of the files mean.
        cleanup: Keep only the largest piece of every structure.
        only: What is written, see :func:`amcnet.inference.find_structures`; empty: everything.
        separate: Write a folder of masks for each volume instead of one file.
        extension: Of the files in folders; None is ``.seg.nrrd``, for masks ``.nii.gz``.
        overwrite: Replace existing outputs.
    """

    models: tuple[str, ...] = ()
    backend: BackendName = "openvino"
    axes: str = "auto"
    cleanup: bool = True
    only: tuple[str, ...] = ()
    separate: bool = False
    extension: str | None = None
    overwrite: bool = False

    def load(self) -> Segmenter:
        """Load the model.

        Raises:
            ModelError: If it cannot be used.
        """
        return Segmenter(self.models or None, self.backend)


@dataclass(frozen=True)
class Job:
    """One volume to segment.

    Attributes:
        source: Its file, that of channel 0 where there are several.
        target: The file that its labels go to, or the folder that its masks go to.
    """

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a volume.

    Attributes:
        job: The volume.
        seconds: Time that it took.
        error: One sentence that says why it was not segmented; None where it was.
        found: Number of structures that were found.
        wanted: Number of structures that were looked for.
        notice: What the model's users must know.
    """

    job: Job
    seconds: float
    error: str | None = None
    found: int = 0
    wanted: int = 0
    notice: str = ""


class StoppedError(AmcnetError):
    """Nobody waits for this volume any more."""


def no_progress(done: int, total: int, now: str) -> None:
    """Show nothing."""


def segment_files(
    jobs: Sequence[Job], options: SegmentOptions, progress: Progress = no_progress
) -> Generator[Outcome, None, None]:
    """Segment volumes one after the other; while one is segmented the next one is read.

    The work is done in threads of its own, so that Ctrl-C is noticed within a tenth of a second
    whatever they do. When the iterator is left early, they stop at the next slice.

    Args:
        jobs: The volumes, see :func:`amcnet.inference.plan_files`.
        options: How it is done.
        progress: Called with (slices done, slices in all, which volume), from another thread.

    Yields:
        What came of each volume, in their order. One that fails does not stop the others.

    Raises:
        ModelError: If the model cannot be used.
    """
    stop = Event()
    try:
        segmenter = wait_for(in_background(options.load))
        coming = _begin_reading(jobs[:1], options, segmenter)
        for index, job in enumerate(jobs):
            started, reading = time.monotonic(), coming
            with suppress(Exception):  # it is told when the volume is used
                wait_for(reading)
            coming = _begin_reading(jobs[index + 1 : index + 2], options, segmenter)
            place = f"{index + 1} of {len(jobs)}: " if len(jobs) > 1 else ""
            show = partial(_show, progress, stop, f"{place}{job.source.name}")
            work = partial(segment_job, job, options, segmenter, reading.result, show)
            outcome = wait_for(in_background(work))
            yield replace(outcome, seconds=time.monotonic() - started)
    finally:
        stop.set()


def _begin_reading(
    jobs: Sequence[Job], options: SegmentOptions, segmenter: Segmenter
) -> "Future[list[Volume]]":
    """Begin to read the first volume of a list, nothing for an empty one."""
    return in_background(
        lambda: [volume for job in jobs[:1] for volume in read_job(job, options, segmenter)]
    )


def _show(progress: Progress, stop: Event, now: str, done: int, total: int) -> None:
    if stop.is_set():
        raise StoppedError(f"{now}: was stopped")
    progress(done, total, now)


def read_job(job: Job, options: SegmentOptions, segmenter: Segmenter) -> list[Volume]:
    """Read the channels of a volume.

    Raises:
        InputError: If one is missing or cannot be read.
    """
    files = channel_files(job.source, segmenter.channels)
    return [read_volume(file, options.axes) for file in files]


def segment_job(
    job: Job,
    options: SegmentOptions,
    segmenter: Segmenter,
    read: Callable[[], list[Volume]],
    progress: SliceProgress,
) -> Outcome:
    """Segment a volume and write what was asked for; an error becomes part of the outcome.

    An error that nobody foresaw is logged with its traceback.

    Args:
        job: The volume.
        options: How it is done.
        segmenter: Made of the same options.
        read: Returns the volume's channels.
        progress: Called with (slices done, slices in all).
    """
    started, error = time.monotonic(), ""
    try:
        result = segmenter(read(), progress, options.cleanup)
        if options.only:
            result = keep_only(result, options.only)
        _write(result, job, options)
        found, notice = len(result.confidence), result.notice
        wanted = len(find_structures(result.table, options.only) if options.only else result.table)
        return Outcome(job, time.monotonic() - started, None, found, wanted, notice)
    except AmcnetError as problem:
        error = str(problem)
    except MemoryError:
        error = "there is not enough memory for this volume"
    except OSError as problem:
        error = problem.strerror or str(problem)
    except Exception as problem:
        _log.exception("%s: failed in a way that was not foreseen", job.source)
        lines = str(problem).strip().splitlines() or ["without a word"]
        error = f"{type(problem).__name__}: {lines[-1]}"
    if job.source.name not in error and job.target.name not in error:
        error = f"{job.source}: {error}"
    return Outcome(job, time.monotonic() - started, error)


def _write(result: Segmentation, job: Job, options: SegmentOptions) -> None:
    if options.separate:
        write_each(result, job.target, options.extension or MASK_EXTENSION, options.overwrite)
    else:
        result.write(job.target, options.overwrite)
