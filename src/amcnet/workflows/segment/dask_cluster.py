"""Many volumes on the machines of a Dask cluster.

Workers read and write the files themselves, so all of them see the same paths. A worker does one
volume at a time, whatever its number of threads: the network takes all processors of a machine.
"""

import json
import threading
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from amcnet.errors import AmcnetError, ConfigError, OutputError
from amcnet.extras import require_extra
from amcnet.inference.segmentation import Segmenter
from amcnet.io import atomic_path
from amcnet.io.atomic_files import live_temporary
from amcnet.workflows.segment.run import (
    Job,
    Outcome,
    Progress,
    SegmentOptions,
    StoppedError,
    no_progress,
    prepare_job,
    segment_job,
)

_CONNECT_SECONDS = 10
_CLOSE_SECONDS = 0.5
_one_volume = threading.Lock()


def segment_files_on_cluster(
    address: str,
    jobs: Sequence[Job],
    options: SegmentOptions,
    progress: Progress = no_progress,
) -> Generator[Outcome, None, None]:
    """Segment volumes on a Dask cluster.

    The volumes of a worker that ends are done by the others; one that was finished is not done
    again. For the time of the run a hidden folder beside the first output says which ones are.

    Args:
        address: Of the scheduler, such as ``tcp://host:8786``.
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: How it is done. Folders of models are visible to all workers, named models are
            installed on all of them.
        progress: Called with (volumes done, volumes in all, what they are).

    Yields:
        What came of each volume, as they finish. When the iterator is left early, what has not
        begun is cancelled, and workers stop at the next slice.

    Raises:
        ConfigError: If no scheduler answers.
        MissingExtraError: If Dask is not installed.
    """
    require_extra("dask", "segmenting on a Dask cluster")
    from distributed import as_completed

    jobs = [Job(job.source.absolute(), job.target.absolute()) for job in jobs]
    options = replace(options, models=tuple(map(_visible, options.models)))
    if not jobs:
        return
    with _connected(address) as client, _run_folder(jobs[0].target.parent) as run:
        futures = {
            client.submit(_work, job, options, run / f"{n}.json", key=f"{run.name[1:]}-{n}"): job
            for n, job in enumerate(jobs)
        }
        try:
            progress(0, len(jobs), "volumes")
            for done, future in enumerate(as_completed(futures, loop=client.loop), start=1):
                yield _outcome(future, futures[future])
                if done < len(jobs):
                    progress(done, len(jobs), "volumes")
        finally:
            client.cancel(list(futures), force=True)


def _visible(model: str) -> str:
    """Return the full path of a model's folder; an installed model keeps its name."""
    return str(Path(model).absolute()) if Path(model).exists() else model


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--dask: no scheduler answers at '{address}'") from error
    try:
        yield client
    finally:
        client.close(timeout=_CLOSE_SECONDS)


@contextmanager
def _run_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for the records of a run; without it, workers stop."""
    run = parent / f".amcnet-run-{uuid.uuid4().hex[:12]}"
    with live_temporary(run):
        try:
            run.mkdir()
        except OSError as error:
            raise OutputError(f"{run}: could not be made ({error.strerror})") from error
        yield run


def _outcome(future: Any, job: Job) -> Outcome:  # noqa: ANN401  Dask's own type
    if future.cancelled():
        return Outcome(job, 0, f"{job.source}: the cluster gave it up")
    problem = future.exception()
    if problem is None:
        outcome: Outcome = future.result()
        return outcome
    if type(problem).__name__ == "KilledWorker":
        return Outcome(job, 0, f"{job.source}: several workers ended while they segmented it")
    return Outcome(
        job, 0, f"{job.source}: failed on a worker ({type(problem).__name__}: {problem})"
    )


def _work(job: Job, options: SegmentOptions, record: Path) -> Outcome:
    """Segment a volume on a worker, unless the record says that it has been done."""
    with _one_volume:
        with suppress(FileNotFoundError):
            return Outcome(job, **json.loads(record.read_text(encoding="utf-8")))
        outcome = _segment(job, options, record.parent)
        if outcome.error is None:
            facts = {key: value for key, value in asdict(outcome).items() if key != "job"}
            with suppress(OutputError), atomic_path(record) as temporary:  # nobody may wait
                temporary.write_text(json.dumps(facts), encoding="utf-8")
        return outcome


def _segment(job: Job, options: SegmentOptions, run: Path) -> Outcome:
    def check_run(done: int, total: int) -> None:
        if not run.is_dir():
            raise StoppedError(f"{job.source}: was stopped")

    # What is there was allowed to be replaced when the run was planned, or is from a worker that
    # ended before it could say so.
    options = replace(options, overwrite=True)
    try:
        check_run(0, 1)
        segmenter = _loaded(options, run)
    except AmcnetError as error:
        return Outcome(job, 0, str(error))
    return segment_job(
        job, options, segmenter, partial(prepare_job, job, options, segmenter), check_run
    )


@lru_cache(maxsize=1)
def _loaded(options: SegmentOptions, run: Path) -> Segmenter:
    """Load the model once for each run: it may be another one under the same name next time."""
    return options.load()
