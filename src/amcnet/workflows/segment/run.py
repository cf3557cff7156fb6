"""Many volumes with one model: how they are segmented, and what came of each."""

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event

from amcnet.errors import AmcnetError, in_words
from amcnet.inference.engine import BackendName
from amcnet.inference.probabilities import EXTENSION as PROBABILITIES_EXTENSION
from amcnet.inference.quality_presets import Quality
from amcnet.inference.segmentation import Prepared, Segmentation, Segmenter
from amcnet.inference.selection import keep_only
from amcnet.io import LABEL_EXTENSIONS, find_extension, read_volume
from amcnet.io.dicom import SegType
from amcnet.labelmaps.selection import find_structures
from amcnet.parallel import Progress as SliceProgress
from amcnet.parallel import in_background, wait_for
from amcnet.workflows.segment.file_names import channel_files
from amcnet.workflows.segment.masks import MASK_EXTENSION, write_each

Progress = Callable[[int, int, str], None]
Finish = Callable[["Job", Segmentation, Callable[[], None]], str]


@dataclass(frozen=True)
class SegmentOptions:
    """How volumes are segmented and what is written.

    Attributes:
        models: Folders or names of models; several are an ensemble, none is the bundled one.
        backend: ``auto``, ``openvino`` or ``torch``.
        quality: ``fast``, ``balanced`` or ``best``.
        memory_gb: Most memory to use, see :class:`amcnet.inference.Segmenter`.
        axes: ``auto`` or what the x, y, z of the files mean.
        cleanup: Clean up the labels.
        probabilities: Write the probabilities too, see :func:`probabilities_path`.
        only: What is written, see :func:`amcnet.labelmaps.find_structures`; empty: everything.
        separate: Write a folder of masks for each volume instead of one file.
        extension: Of the files in folders; None is ``.seg.nrrd``, for masks ``.nii.gz``.
        overwrite: Replace existing outputs.
        series: UID or number of the series in a DICOM input that holds several.
        seg_type: Of DICOM outputs, see :func:`amcnet.io.write_labels`.
    """

    models: tuple[str, ...] = ()
    backend: BackendName = "auto"
    quality: Quality = "balanced"
    memory_gb: float | None = None
    axes: str = "auto"
    cleanup: bool = True
    probabilities: bool = False
    only: tuple[str, ...] = ()
    separate: bool = False
    extension: str | None = None
    overwrite: bool = False
    series: str | None = None
    seg_type: SegType = "binary"

    def load(self) -> Segmenter:
        """Load the model.

        Raises:
            ModelError: If it cannot be used.
            ConfigError: If the quality is unknown.
        """
        return Segmenter(self.models or None, self.backend, self.quality, self.memory_gb)


@dataclass(frozen=True)
class Job:
    """One volume to segment.

    Attributes:
        source: Its file, that of channel 0 where there are several; or its folder of DICOM.
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
        remark: What the caller's ``finish`` said of it, for people.
    """

    job: Job
    seconds: float
    error: str | None = None
    found: int = 0
    wanted: int = 0
    notice: str = ""
    remark: str = ""


def probabilities_path(job: Job) -> Path:
    """Return the file for the probabilities of a volume: beside its labels, by their name."""
    extension = find_extension(job.target, LABEL_EXTENSIONS) or ""
    stem = job.target.name[: len(job.target.name) - len(extension)]
    return job.target.with_name(f"{stem}{PROBABILITIES_EXTENSION}")


class StoppedError(AmcnetError):
    """Nobody waits for this volume any more."""


def no_progress(done: int, total: int, now: str) -> None:
    """Show nothing."""


def only_write(job: Job, result: Segmentation, write: Callable[[], None]) -> str:
    """Write what was asked for and say nothing."""
    write()
    return ""


def segment_files(
    jobs: Sequence[Job],
    options: SegmentOptions,
    progress: Progress = no_progress,
    finish: Finish = only_write,
) -> Generator[Outcome, None, None]:
    """Segment volumes one after the other; while one is segmented the next one is read.

    The work is done in threads of its own, so that Ctrl-C is noticed within a tenth of a second
    whatever they do. When the iterator is left early, they stop at the next slice.

    Args:
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: How it is done.
        progress: Called with (slices done, slices in all, which volume), from another thread.
        finish: Called with (volume, all that was found in it, what writes the output) instead of
            writing. It calls the last of them, and what it returns becomes the outcome's remark.

    Yields:
        What came of each volume, in their order. One that fails does not stop the others.

    Raises:
        ModelError: If the model cannot be used.
    """
    stop = Event()
    try:
        segmenter = wait_for(in_background(options.load))
        coming = _begin_preparing(jobs[:1], options, segmenter)
        for index, job in enumerate(jobs):
            started, preparing = time.monotonic(), coming
            with suppress(Exception):  # it is told when the volume is used
                wait_for(preparing)
            coming = _begin_preparing(jobs[index + 1 : index + 2], options, segmenter)
            place = f"{index + 1} of {len(jobs)}: " if len(jobs) > 1 else ""
            show = partial(_show, progress, stop, f"{place}{job.source.name}")
            work = partial(segment_job, job, options, segmenter, preparing.result, show, finish)
            outcome = wait_for(in_background(work))
            yield replace(outcome, seconds=time.monotonic() - started)
    finally:
        stop.set()


def _begin_preparing(
    jobs: Sequence[Job], options: SegmentOptions, segmenter: Segmenter
) -> "Future[Prepared]":
    """Begin to prepare the first volume of a list; nobody asks for that of an empty one."""
    return in_background(lambda: prepare_job(jobs[0], options, segmenter)) if jobs else Future()


def _show(progress: Progress, stop: Event, now: str, done: int, total: int) -> None:
    if stop.is_set():
        raise StoppedError(f"{now}: was stopped")
    progress(done, total, now)


def prepare_job(job: Job, options: SegmentOptions, segmenter: Segmenter) -> Prepared:
    """Read the channels of a volume and bring them to the network's grid.

    Raises:
        InputError: If one is missing or cannot be read.
        NotEnoughMemoryError: If the machine is too small for it.
    """
    files = channel_files(job.source, segmenter.channels)
    return segmenter.prepare([read_volume(file, options.axes, options.series) for file in files])


def segment_job(
    job: Job,
    options: SegmentOptions,
    segmenter: Segmenter,
    prepared: Callable[[], Prepared],
    progress: SliceProgress,
    finish: Finish = only_write,
) -> Outcome:
    """Segment a volume and write what was asked for; an error becomes part of the outcome.

    An error that nobody foresaw is logged with its traceback.

    Args:
        job: The volume.
        options: How it is done.
        segmenter: Made of the same options.
        prepared: Returns the volume on the network's grid.
        progress: Called with (slices done, slices in all).
        finish: See :func:`segment_files`.
    """
    started = time.monotonic()
    try:
        probabilities = probabilities_path(job) if options.probabilities else None
        whole = segmenter.label(prepared(), progress, options.cleanup, probabilities)
        result = keep_only(whole, options.only) if options.only else whole
        remark = finish(job, whole, partial(_write, result, job, options))
        found, notice = len(result.confidence), result.notice
        wanted = len(find_structures(result.table, options.only) if options.only else result.table)
        return Outcome(job, time.monotonic() - started, None, found, wanted, notice, remark)
    except Exception as problem:
        error = in_words(problem, job.source, job.target)
    return Outcome(job, time.monotonic() - started, error)


def _write(result: Segmentation, job: Job, options: SegmentOptions) -> None:
    if options.separate:
        extension = options.extension or MASK_EXTENSION
        write_each(result, job.target, extension, options.overwrite)
    else:
        result.write(job.target, options.overwrite, options.seg_type)
