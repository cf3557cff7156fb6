"""One run of ``amcnet segment``: the loop that the command line, 3D Slicer and clusters share."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Protocol

from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.manifest import Manifest
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import Listener, VolumeEvent
from amcnet.workflows.segment.result import SegmentedFile
from amcnet.workflows.segment.run import segment_files

Runner = Callable[
    [Sequence[Job], SegmentOptions, Listener], Generator[Outcome[SegmentedFile], None, None]
]
"""Segments volumes and yields the outcome of each, as :func:`segment_files` does."""


class Reporter(Protocol):
    """Reports the progress of a run, as text for people or JSON lines for programs."""

    def begin(self, jobs: Sequence[Job]) -> None:
        """Report the start of the run."""

    def listen(self, event: VolumeEvent) -> None:
        """Report the progress of a volume; called from several threads."""

    def skipped(self, job: Job) -> None:
        """Report that a volume was skipped because its output exists."""

    def outcome(self, job: Job, outcome: Outcome[SegmentedFile]) -> None:
        """Report the outcome of a volume."""


def run_jobs(
    jobs: Sequence[Job],
    options: SegmentOptions,
    reporter: Reporter,
    outcomes: list[Outcome[SegmentedFile]],
    *,
    run: Runner = segment_files,
    manifest: Manifest | None = None,
) -> None:
    """Segment volumes, and report and record each outcome.

    Args:
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: Segmentation options.
        reporter: Receives the progress.
        outcomes: List to which the outcome of each volume is appended, also before an interruption.
        run: Segments the volumes: here, on a cluster or on a server.
        manifest: Records each volume.

    Raises:
        ModelError: If the model cannot be used.
        OutputError: If the manifest cannot be written.
    """
    to_do = [job for job in jobs if not (options.skip_existing and job.target.exists())]
    reporter.begin(to_do)
    for job in jobs:
        if job not in to_do:
            reporter.skipped(job)
            if manifest is not None:
                manifest.skip(job)
    coming = run(to_do, options, reporter.listen)
    by_source = {job.source: job for job in to_do}
    with closing(coming):
        for outcome in coming:
            outcomes.append(outcome)
            job = by_source[outcome.source]
            reporter.outcome(job, outcome)
            if manifest is not None:
                manifest.add(job, outcome)
