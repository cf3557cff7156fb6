"""Threads that take jobs from the queue until the service ends."""

import logging
import threading
from collections.abc import Callable

from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.work.job_runner import InterruptedWorkError, JobRunner

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0


class WorkerThreads:
    """Works on queued jobs in background threads.

    Args:
        queue: The queue.
        runner: Works on one job.
        threads: Number of simultaneous jobs: one on this machine, several on a cluster.
        wake: Set when a job may be due.
        stop: Set when the service ends.
    """

    def __init__(
        self,
        queue: JobQueue,
        runner: JobRunner,
        threads: int,
        wake: threading.Event,
        stop: threading.Event,
    ) -> None:
        self._queue, self._runner, self._wake, self._stop = queue, runner, wake, stop
        self._threads = [
            threading.Thread(target=self._loop, name=f"worker {n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait until the threads have ended, at most some seconds."""
        for thread in self._threads:
            if thread.is_alive():  # a thread that was not started cannot be joined
                thread.join(seconds)

    def _loop(self) -> None:
        run_guarded(self._step, self._stop)

    def _step(self) -> None:
        self._wake.clear()
        job = self._queue.claim()
        if job is None:
            self._wake.wait(_POLL_SECONDS)
            return
        self._runner.run(job)


def run_guarded(step: Callable[[], None], stop: threading.Event) -> None:
    """Call a step repeatedly until the service ends; errors are logged and do not end the loop."""
    while not stop.is_set():
        try:
            step()
        except InterruptedWorkError:
            return
        except Exception:
            _log.exception("a step of the service failed, it is tried again")
            stop.wait(_POLL_SECONDS)
