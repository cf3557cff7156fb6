"""The same work for every case, in one process or several."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

from amcnet.errors import ConfigError, InputError

Progress = Callable[[int, int], None]

_MOST_PROCESSES = 61  # what Windows allows

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


def map_cases(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    jobs: int = 1,
    progress: Progress = no_progress,
) -> list[_Result]:
    """Call a function for every item and return the results in the order of the items.

    Args:
        function: Picklable, as are items and results; an exception of it ends the work.
        items: What it is called with.
        jobs: Number of processes, at least 1; one means this process.
        progress: Called with (items done, items in all).

    Raises:
        ConfigError: If ``jobs`` is less than 1.
        InputError: If a process ends unexpectedly.
    """
    if jobs < 1:
        raise ConfigError(f"jobs: found {jobs}, expected at least 1")
    progress(0, len(items))
    workers = min(jobs, len(items), _MOST_PROCESSES)
    if workers > 1:
        return _map_in_processes(function, items, workers, progress)
    results = []
    for item in items:
        results.append(function(item))
        progress(len(results), len(items))
    return results


def _map_in_processes(
    function: Callable[[_Item], _Result], items: Sequence[_Item], workers: int, progress: Progress
) -> list[_Result]:
    others = active_children()
    with ProcessPoolExecutor(workers, get_context("spawn"), _ignore_interrupts) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(items))
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise InputError(
                "a process ended unexpectedly, perhaps for lack of memory: call again with fewer "
                "jobs"
            ) from error
        except KeyboardInterrupt:
            for process in active_children():
                if process not in others:
                    process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
