"""Segment on the machines of a Dask cluster, with the queue in front of it."""

import secrets
from collections.abc import Callable
from contextlib import closing

from amcnet.errors import ConfigError
from amcnet.service.queue.stored_job import StoredJob
from amcnet.service.work.job_runner import InterruptedWorkError, WaitError
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.segment.dask_cluster import segment_files_on_cluster
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import Listener
from amcnet.workflows.segment.result import SegmentedFile


class ClusterSegmenting:
    """Segments volumes on a cluster whose workers see the service's data folder by the same path.

    Args:
        address: Address of the scheduler.
        is_stopping: Returns whether the service ends.
    """

    def __init__(self, address: str, is_stopping: Callable[[], bool]) -> None:
        self._address, self._is_stopping = address, is_stopping
        self._session = f"amcnet-serve-{secrets.token_hex(8)}"

    def __call__(
        self, stored: StoredJob, job: Job, options: SegmentOptions, listen: Listener
    ) -> Outcome[SegmentedFile]:
        """Segment a volume, see :data:`amcnet.service.work.job_runner.SegmentOne`.

        Raises:
            WaitError: If no scheduler answers.
            InterruptedWorkError: If the service ends.
        """
        coming = segment_files_on_cluster(
            self._address, [job], options, listen, session=self._session
        )
        try:
            with closing(coming):
                outcome = next(coming)
        except ConfigError as error:
            raise WaitError(str(error), "the cluster") from error
        if self._is_stopping():
            raise InterruptedWorkError("the service ends")
        return outcome


def count_workers(address: str) -> int:
    """Return the number of workers of a cluster.

    Raises:
        ConfigError: If no scheduler answers.
    """
    from amcnet.workflows.segment.dask_cluster import connected

    with connected(address) as client:
        return len(client.scheduler_info(n_workers=-1)["workers"])
