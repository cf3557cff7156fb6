"""Segment many volumes with one model: read, predict, write, check, report, emit events."""

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Event

from amcnet.errors import AmcnetError
from amcnet.inference import Segmentation, Segmenter, Stage, keep_only
from amcnet.parallel import in_background, wait_for
from amcnet.quality import QualityReport, is_hand_table
from amcnet.workflows.outcome import Outcome, run_for_file
from amcnet.workflows.segment.axes_search import search_axes
from amcnet.workflows.segment.checking import (
    check,
    is_better,
    looks_turned,
    with_prediction,
    with_remedy,
)
from amcnet.workflows.segment.job_reading import ReadVolume, read_job
from amcnet.workflows.segment.options import AXES_SEARCH, Job, SegmentOptions, probabilities_path
from amcnet.workflows.segment.outputs import write_outputs
from amcnet.workflows.segment.progress_display import Listener, VolumeEvent, ignore_event
from amcnet.workflows.segment.report_page import write_report_page
from amcnet.workflows.segment.result import SegmentedFile, summarise_job


class StoppedError(AmcnetError):
    """The work on this volume was cancelled."""


def segment_files(
    jobs: Sequence[Job], options: SegmentOptions, listen: Listener = ignore_event
) -> Generator[Outcome[SegmentedFile], None, None]:
    """Segment volumes one after the other, reading each while its predecessor is segmented.

    The work is done in background threads, so Ctrl-C takes effect within a tenth of a second.
    If the caller stops iterating early, the threads stop at the next slice.

    Args:
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: Segmentation options.
        listen: Receives progress events, from several threads.

    Yields:
        The outcome of each volume, in the order of the jobs. A failure does not stop the others.

    Raises:
        ModelError: If the model cannot be used.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from amcnet.io import Geometry, write_image
        >>> image = np.zeros((40, 30, 20), np.uint8)
        >>> write_image("empty.nrrd", image, Geometry.canonical(image.shape, (4.0, 4.0, 2.0)))
        >>> jobs = [Job(Path(f"{name}.nrrd"), Path(f"{name}.seg.nrrd")) for name in ("empty", "no")]
        >>> options = SegmentOptions(quality="fast", axes="scan,lateral,depth")
        >>> for outcome in segment_files(jobs, options):
        ...     print(outcome.error or f"{outcome.result.found} structures found")
        0 structures found
        no.nrrd: no such file, expected an image file
    """
    stop = Event()
    try:
        if jobs:
            listen(VolumeEvent(1, len(jobs), jobs[0].source, Stage.READING))
        segmenter = wait_for(in_background(options.load))
        coming = _begin_reading(jobs[:1], options, segmenter)
        for index, job in enumerate(jobs):
            started, reading = time.monotonic(), coming
            progress = VolumeProgress(job, index + 1, len(jobs), listen, stop.is_set)
            progress(Stage.READING, 0, 0)
            with suppress(Exception):  # raised again by reading.result() below
                wait_for(reading)
            coming = _begin_reading(jobs[index + 1 : index + 2], options, segmenter)
            work = partial(segment_job, job, options, segmenter, reading.result, progress)
            outcome = wait_for(in_background(partial(run_for_file, job.source, work, job.target)))
            yield replace(outcome, seconds=time.monotonic() - started)
    finally:
        stop.set()


class VolumeProgress:
    """Progress callback for one volume: sends events to a listener and cancels the work.

    Args:
        job: The volume.
        number: Number of the volume in the run, from 1.
        volumes: Number of volumes in the run.
        listen: Receives an event whenever the progress changes.
        is_stopped: Returns whether the work was cancelled.
    """

    def __init__(
        self,
        job: Job,
        number: int,
        volumes: int,
        listen: Listener,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._event = VolumeEvent(number, volumes, job.source, Stage.READING)
        self._listen, self._is_stopped = listen, is_stopped

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` steps of a stage are complete.

        Raises:
            StoppedError: If the work was cancelled.
        """
        if self._is_stopped():
            raise StoppedError(f"{self._event.source}: was stopped")
        self._event = replace(self._event, stage=stage, done=done, total=total)
        self._listen(self._event)

    def note(self, text: str) -> None:
        """Send a message for the user before the result is available."""
        self._listen(replace(self._event, note=text))


def segment_job(
    job: Job,
    options: SegmentOptions,
    segmenter: Segmenter,
    reading: Callable[[], ReadVolume],
    progress: VolumeProgress,
) -> SegmentedFile:
    """Segment one volume, write the requested outputs and return a summary.

    Args:
        job: The volume.
        options: Segmentation options.
        segmenter: Made from the same options.
        reading: Returns the volume on the network's grid.
        progress: Receives the progress.

    Raises:
        AmcnetError: If the volume cannot be read, segmented or written.
    """
    read = reading()
    for note in read.notes:
        progress.note(note)
    labelled, quality, notes = _label(job, options, segmenter, read, progress)
    labelled = with_prediction(labelled, quality)
    wanted = keep_only(labelled, options.only) if options.only else labelled
    progress(Stage.WRITING, 0, 0)
    started = time.monotonic()
    write_outputs(job, options, wanted)
    write_seconds = time.monotonic() - started
    if job.report is not None and quality is not None:
        progress(Stage.REPORT, 0, 0)
        quality = write_report_page(job, options, labelled, quality, write_seconds)
    return summarise_job(job, options, labelled, quality, notes)


def _label(
    job: Job,
    options: SegmentOptions,
    segmenter: Segmenter,
    read: ReadVolume,
    progress: VolumeProgress,
) -> tuple[Segmentation, QualityReport | None, tuple[str, ...]]:
    """Return the labels, their quality report and notes for the user; search the axes if needed."""
    label = partial(_label_once, job, options, segmenter, progress)
    is_hand = is_hand_table(segmenter.bundle.description.label_table)
    if options.axes == AXES_SEARCH and is_hand:
        found = search_axes(read.prepared, segmenter, progress, options.spacing_mm)
        note = f"{job.source}: searched the axes, found --axes={found.axes}"
        progress.note(note)
        turned = read_job(job, options, segmenter, found.axes)
        labelled, quality = label(turned)
        return labelled, _with_explanation(quality, turned, searched=True), (*read.notes, note)
    labelled, quality = label(read)
    if quality is None or not is_hand or not looks_turned(labelled, quality):
        return labelled, quality, read.notes
    if options.axes != "auto":
        return labelled, _with_explanation(quality, read, searched=False), read.notes
    what = "no hand" if quality.is_no_hand else "a doubtful hand"
    progress.note(f"{job.source}: found {what} with its axes as they are stored, searching others")
    found = search_axes(read.prepared, segmenter, progress, options.spacing_mm)
    if found.is_hand and found.axes != read.prepared.geometry.axes:
        again, checked = label(read_job(job, options, segmenter, found.axes))
        if checked is not None and is_better(again, checked, labelled):
            note = f"{job.source}: found a hand with --axes={found.axes}, pass it next time"
            progress.note(note)
            return again, checked, (*read.notes, note)
    return labelled, _with_explanation(quality, read, searched=True), read.notes


def _label_once(
    job: Job,
    options: SegmentOptions,
    segmenter: Segmenter,
    progress: VolumeProgress,
    read: ReadVolume,
) -> tuple[Segmentation, QualityReport | None]:
    """Label a volume, and check the labels if the check is needed."""
    probabilities = probabilities_path(job) if options.probabilities else None
    labelled = segmenter.label(read.prepared, progress, options.cleanup, probabilities)
    needs_check = is_hand_table(labelled.table) or options.measure or job.report is not None
    if not needs_check:
        return labelled, None
    progress(Stage.CHECKING, 0, 0)
    return labelled, check(labelled)


def _with_explanation(
    quality: QualityReport | None, read: ReadVolume, searched: bool
) -> QualityReport | None:
    if quality is None or not quality.is_no_hand:
        return quality
    return with_remedy(quality, read.prepared, searched)


def _begin_reading(
    jobs: Sequence[Job], options: SegmentOptions, segmenter: Segmenter
) -> "Future[ReadVolume]":
    """Start reading the first of the jobs in the background; without jobs, nothing is read."""
    return in_background(partial(read_job, jobs[0], options, segmenter)) if jobs else Future()
