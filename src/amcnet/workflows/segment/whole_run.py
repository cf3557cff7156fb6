"""One run of ``amcnet segment``: the loop that the command line, 3D Slicer and clusters share."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.manifest import Manifest
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import VolumeEvent
from amcnet.workflows.segment.result import SegmentedFile
from amcnet.workflows.segment.run import segment_files


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
    dask: str | None = None,
    manifest: Path | None = None,
) -> None:
    """Segment volumes locally or on a cluster, and report and record each outcome.

    Args:
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: Segmentation options.
        reporter: Receives the progress.
        outcomes: List to which the outcome of each volume is appended, also before an interruption.
        dask: Address of a Dask scheduler.
        manifest: A JSON file that records each volume, see :class:`Manifest`.

    Raises:
        ModelError: If the model cannot be used.
        OutputError: If the manifest cannot be written.
    """
    record = None if manifest is None else Manifest(manifest, options)
    to_do = [job for job in jobs if not (options.skip_existing and job.target.exists())]
    reporter.begin(to_do)
    for job in jobs:
        if job not in to_do:
            reporter.skipped(job)
            if record is not None:
                record.skip(job)
    if dask is None:
        coming = segment_files(to_do, options, reporter.listen)
    else:
        from amcnet.workflows.segment.dask_cluster import segment_files_on_cluster

        coming = segment_files_on_cluster(dask, to_do, options, reporter.listen)
    by_source = {job.source: job for job in to_do}
    with closing(coming):
        for outcome in coming:
            outcomes.append(outcome)
            job = by_source[outcome.source]
            reporter.outcome(job, outcome)
            if record is not None:
                record.add(job, outcome)
