"""Work through a list with several processes; wait for work that Ctrl-C cannot reach."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

from amcnet.errors import ConfigError, OneLineFormatter, OutputError

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
NamedProgress = Callable[[int, int, str], None]
"""Called with (steps done, number of steps, name of the next step)."""

_MOST_PROCESSES = 61  # what Windows allows
_STEP_SECONDS = 0.1


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


def processors() -> int:
    """Return the processors that this process may use, or all where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_count(jobs: int, items: int) -> int:
    """Return how many processes work on some items when ``jobs`` are asked for.

    Raises:
        ConfigError: If ``jobs`` is less than 1.
    """
    if jobs < 1:
        raise ConfigError(f"jobs: found {jobs}, expected at least 1")
    return max(1, min(jobs, items, _MOST_PROCESSES))


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int = 1,
    progress: Progress = no_progress,
) -> list[Result]:
    """Return ``function(item)`` for every item, in their order.

    Args:
        function: With more than one job it is sent to fresh processes, so it must be importable.
        items: What to work on.
        jobs: Number of processes; with one the work is done in this process.
        progress: Called with (items done, items in all).

    Raises:
        ConfigError: If ``jobs`` is less than 1.
        OutputError: If a process ends unexpectedly.
        Exception: What ``function`` raises; work that has not begun is then dropped.
    """
    workers = worker_count(jobs, len(items))
    progress(0, len(items))
    if workers == 1:
        results = []
        for done, item in enumerate(items, start=1):
            results.append(function(item))
            progress(done, len(items))
        return results
    others = active_children()
    with ProcessPoolExecutor(workers, get_context("spawn"), start_worker) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(items))
        except BrokenProcessPool as error:
            raise OutputError(
                "a process ended unexpectedly, perhaps for lack of memory: call again with fewer "
                "jobs, what is complete is kept"
            ) from error
        except KeyboardInterrupt:
            for process in active_children():
                if process not in others:
                    process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def start_worker() -> None:
    """Prepare a worker process: its parent handles Ctrl-C, and it ends when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if logging.lastResort is not None:  # warnings of workers look as those of the command
        logging.lastResort.setFormatter(OneLineFormatter())
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.join,), daemon=True).start()


def _end_after(wait_for_parent: Callable[[], None]) -> None:
    """End this process as soon as its parent has ended, however that came."""
    wait_for_parent()
    if "amcnet.io.atomic_files" in sys.modules:  # else nothing is being written
        sys.modules["amcnet.io.atomic_files"].abandon_temporaries()
    os._exit(1)


def in_background(function: Callable[[], Result]) -> "Future[Result]":
    """Begin ``function()`` in a daemon thread: one that no end of the process waits for."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def wait_for(future: "Future[Result]") -> Result:
    """Return what a future holds; Ctrl-C ends the waiting, not the work.

    Native code (reading, the network) does not notice Ctrl-C before it returns. Begun with
    :func:`in_background` and waited for here, it leaves the waiting thread free to notice. The
    steps are for Windows, where waiting without end is not interrupted either.

    Raises:
        BaseException: What the work raised.
    """
    while not future.done():
        wait([future], timeout=_STEP_SECONDS)
    return future.result()
