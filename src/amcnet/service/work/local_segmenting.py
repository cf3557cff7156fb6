"""Segment on this machine: the loop of ``amcnet segment``, with the next volume read ahead."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from amcnet.memory import available_bytes
from amcnet.parallel import in_background
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.stored_job import StoredJob
from amcnet.service.work.job_output import volume_of
from amcnet.service.work.job_runner import InterruptedWorkError, WaitError, classify
from amcnet.service.work.service_model import LoadedModel
from amcnet.workflows.outcome import Outcome, run_for_file
from amcnet.workflows.segment.job_reading import ReadVolume, read_job
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import Listener
from amcnet.workflows.segment.result import SegmentedFile
from amcnet.workflows.segment.run import StoppedError, VolumeProgress, segment_job

_MOST_AHEAD = 0.05  # largest share of the free memory for a file that is read ahead


class LocalSegmenting:
    """Segments volumes on this machine, one after another.

    Args:
        model: The loaded model.
        options_for: Returns the segmentation options of a job.
        folders: Where the files of the jobs are.
        next_job: Returns the job that will probably be next.
        is_stopping: Returns whether the service ends.
        is_deleted: Returns whether a job was deleted.
    """

    def __init__(
        self,
        model: LoadedModel,
        options_for: Callable[[JobOptions], SegmentOptions],
        folders: JobFolders,
        next_job: Callable[[], StoredJob | None],
        is_stopping: Callable[[], bool],
        is_deleted: Callable[[str], bool],
    ) -> None:
        self._model, self._options_for = model, options_for
        self._folders, self._next_job = folders, next_job
        self._is_stopping, self._is_deleted = is_stopping, is_deleted
        self._ahead: tuple[str, Future[ReadVolume]] | None = None

    def __call__(
        self, stored: StoredJob, job: Job, options: SegmentOptions, listen: Listener
    ) -> Outcome[SegmentedFile]:
        """Segment a volume, see :data:`amcnet.service.work.job_runner.SegmentOne`.

        Raises:
            WaitError: If there is too little memory or disk space now.
            InterruptedWorkError: If the service ends.
        """
        segmenter = self._model.segmenter(options.quality)
        reading = self._begun(stored, job, options)
        self._read_ahead(stored)
        waits: list[WaitError] = []

        def is_stopped() -> bool:
            return self._is_stopping() or self._is_deleted(stored.id)

        def work() -> SegmentedFile:
            progress = VolumeProgress(job, 1, 1, listen, is_stopped)
            try:
                return segment_job(job, options, segmenter, reading.result, progress)
            except StoppedError:
                raise
            except Exception as error:
                found = classify(error)
                if isinstance(found, WaitError):
                    waits.append(found)
                raise

        outcome = run_for_file(job.source, work, job.target)
        if self._is_stopping():
            raise InterruptedWorkError("the service ends")
        if waits:
            raise waits[0]
        return outcome

    def _begun(self, stored: StoredJob, job: Job, options: SegmentOptions) -> Future[ReadVolume]:
        """Return the pending read of a volume, which may already have started."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == stored.id:
            return ahead[1]
        return in_background(
            partial(read_job, job, options, self._model.segmenter(options.quality))
        )

    def _read_ahead(self, current: StoredJob) -> None:
        """Start to read the volume that will probably be next, if both fit into memory."""
        coming = self._next_job()
        if coming is None or coming.id == current.id:
            return
        source = volume_of(coming, self._folders)
        if _num_bytes(source) > _MOST_AHEAD * available_bytes():
            return
        options = self._options_for(JobOptions(**coming.options))
        segmenter = self._model.segmenter(options.quality)
        task = Job(source, source)  # only its source is read
        self._ahead = coming.id, in_background(partial(read_job, task, options, segmenter))


def _num_bytes(source: Path) -> int:
    files = source.rglob("*") if source.is_dir() else source.parent.iterdir()
    return sum(path.stat().st_size for path in files if path.is_file())
