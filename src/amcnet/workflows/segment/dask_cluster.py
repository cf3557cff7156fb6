"""Segment volumes on the machines of a Dask cluster.

Workers read and write the files themselves, so all machines must see the same paths. A worker
processes one volume at a time, whatever its number of threads, because the network uses all
processors of a machine. Progress reaches the client as events of a Dask topic.
"""

import json
import threading
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from amcnet.errors import ConfigError, OutputError
from amcnet.extras import require_extra
from amcnet.inference import Segmenter, Stage
from amcnet.io.atomic_files import live_temporary, write_atomically
from amcnet.workflows.outcome import Outcome, run_for_file
from amcnet.workflows.segment.job_reading import read_job
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.progress_display import (
    LEAST_SECONDS,
    Listener,
    VolumeEvent,
    ignore_event,
)
from amcnet.workflows.segment.result import SegmentedFile
from amcnet.workflows.segment.run import StoppedError, VolumeProgress, segment_job

_CONNECT_SECONDS = 10
_CLOSE_SECONDS = 0.5
_one_volume = threading.Lock()


def segment_files_on_cluster(
    address: str,
    jobs: Sequence[Job],
    options: SegmentOptions,
    listen: Listener = ignore_event,
    session: str | None = None,
) -> Generator[Outcome[SegmentedFile], None, None]:
    """Segment volumes on a Dask cluster.

    If a worker ends, others process its unfinished volumes. During the run, a hidden folder next to
    the first output records the finished volumes.

    Args:
        address: Address of the scheduler, such as ``tcp://host:8786``.
        jobs: The volumes, see :func:`amcnet.workflows.plan_files`.
        options: Segmentation options. Folders of models must be visible to all workers, named
            models installed on all of them.
        listen: Receives progress events, see :func:`segment_files`.
        session: Name shared by several runs with the same models; each worker then loads the model
            once for all of them. None loads it once per run.

    Yields:
        The outcome of each volume, as they finish. If the caller stops iterating early, pending
        jobs are cancelled and workers stop at the next slice.

    Raises:
        ConfigError: If no scheduler answers.
        MissingExtraError: If Dask is not installed.

    Example:
        >>> from distributed import LocalCluster
        >>> job = Job(Path("missing.nrrd"), Path("missing.seg.nrrd"))
        >>> with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        ...     address, options = cluster.scheduler_address, SegmentOptions(quality="fast")
        ...     [outcome] = segment_files_on_cluster(address, [job], options)
        >>> outcome.error.rpartition("/")[2]
        'missing.nrrd: no such file, expected an image file'
    """
    require_extra("dask", "segmenting on a Dask cluster")
    from distributed import as_completed

    options = replace(options, models=tuple(map(_visible, options.models)))
    if not jobs:
        return
    with connected(address) as client, _run_folder(jobs[0].target.absolute().parent) as run:
        client.subscribe_topic(run.name, partial(_hear, jobs, listen))
        futures = {
            client.submit(
                _work,
                _absolute(job),
                options,
                PlaceInRun(run / f"{n}.json", len(jobs), session or run.name),
                key=f"{run.name}-{n}",
            ): job
            for n, job in enumerate(jobs)
        }
        try:
            for future in as_completed(futures, loop=client.loop):
                yield _outcome(future, futures[future])
        finally:
            client.cancel(list(futures), force=True)


@dataclass(frozen=True)
class PlaceInRun:
    """The place of a volume in a run: its record, the number of volumes, and the session."""

    record: Path
    volumes: int
    session: str


def _absolute(job: Job) -> Job:
    return Job(
        job.source.absolute(),
        job.target.absolute(),
        None if job.also is None else job.also.absolute(),
        None if job.report is None else job.report.absolute(),
    )


def _visible(model: str) -> str:
    """Return the full path of a model's folder; an installed model keeps its name."""
    return str(Path(model).absolute()) if Path(model).exists() else model


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a Dask client that is connected to a scheduler.

    Raises:
        ConfigError: If no scheduler answers.
    """
    from distributed import Client
    from distributed.comm.addressing import parse_address
    from distributed.comm.registry import get_backend

    try:
        get_backend(parse_address(address)[0])  # a client with an unknown protocol never ends
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--dask: no scheduler answers at '{address}'") from error
    try:
        yield client
    finally:
        client.close(timeout=_CLOSE_SECONDS)


@contextmanager
def _run_folder(parent: Path) -> Iterator[Path]:
    """Create the folder for the records of a run; workers stop when it disappears."""
    run = parent / f".amcnet-run-{uuid.uuid4().hex[:12]}"
    with live_temporary(run):
        try:
            run.mkdir()
        except OSError as error:
            raise OutputError(f"{run}: could not be created ({error.strerror})") from error
        yield run


def _hear(jobs: Sequence[Job], listen: Listener, event: tuple[float, Any]) -> None:
    """Forward an event of a worker to the listener."""
    fields = event[1]["event"]  # Dask adds its own fields
    number = int(fields["number"])
    event_here = VolumeEvent(**fields | {"source": jobs[number - 1].source})
    listen(replace(event_here, stage=Stage(event_here.stage)))


def _outcome(future: Any, job: Job) -> Outcome[SegmentedFile]:  # noqa: ANN401  Dask's own type
    source = job.source
    if future.cancelled():
        return Outcome(source, error=f"{source}: was abandoned by the cluster")
    problem = future.exception()
    if problem is None:
        outcome: Outcome[SegmentedFile] = future.result()
        result = outcome.result
        result = None if result is None else replace(result, output=job.target)
        return replace(outcome, source=source, result=result)
    if type(problem).__name__ == "KilledWorker":
        return Outcome(source, error=f"{source}: several workers ended while they segmented it")
    why = f"{type(problem).__name__}: {problem}"
    return Outcome(source, error=f"{source}: failed on a worker ({why})")


def _work(job: Job, options: SegmentOptions, place: PlaceInRun) -> Outcome[SegmentedFile]:
    """Segment a volume on a worker, unless it is recorded as finished."""
    with _one_volume:
        with suppress(FileNotFoundError):
            return _read_record(job, place.record)
        outcome = _segment(job, options, place)
        if outcome.result is not None:
            facts = asdict(outcome.result) | {"output": str(outcome.result.output)}
            content = {"seconds": outcome.seconds, "result": facts}
            with suppress(OutputError):  # the reader may be gone
                write_atomically(place.record, json.dumps(content))
        return outcome


def _read_record(job: Job, record: Path) -> Outcome[SegmentedFile]:
    content = json.loads(record.read_text(encoding="utf-8"))
    facts = content["result"] | {
        "output": Path(content["result"]["output"]),
        "notes": tuple(content["result"]["notes"]),
    }
    return Outcome(job.source, SegmentedFile(**facts), seconds=content["seconds"])


def _segment(job: Job, options: SegmentOptions, place: PlaceInRun) -> Outcome[SegmentedFile]:
    run = place.record.parent
    # Existing files were cleared for replacement when the run was planned, or come from a worker
    # that ended before it could record them.
    options = replace(options, overwrite=True)

    def work() -> SegmentedFile:
        if not run.is_dir():
            raise StoppedError(f"{job.source}: was stopped")
        segmenter = _loaded(options, place.session)
        sender = _Sender(run.name)
        progress = VolumeProgress(
            job, int(place.record.stem) + 1, place.volumes, sender.send, lambda: not run.is_dir()
        )
        progress(Stage.READING, 0, 0)
        return segment_job(
            job, options, segmenter, partial(read_job, job, options, segmenter), progress
        )

    return run_for_file(job.source, work, job.target)


class _Sender:
    """Sends the events of a volume to the client, at most ten per second for counted steps."""

    def __init__(self, topic: str) -> None:
        from distributed import get_worker

        self._topic = topic
        self._last = 0.0
        try:
            self._worker = get_worker()  # only known in the thread of the task
        except ValueError:  # not running on a worker
            self._worker = None

    def send(self, event: VolumeEvent) -> None:
        now = time.monotonic()
        if 0 < event.done < event.total and now - self._last < LEAST_SECONDS:
            return
        self._last = now
        fields = asdict(event) | {"source": str(event.source), "stage": str(event.stage)}
        if self._worker is not None:
            self._worker.log_event(self._topic, {"event": fields})


def _loaded(options: SegmentOptions, session: str) -> Segmenter:
    """Load the model once per session: in the next, another model may have the same name."""
    base = SegmentOptions(
        options.models, options.backend, options.device, memory_gb=options.memory_gb
    )
    return _loaded_base(base, session).with_quality(options.quality)


@lru_cache(maxsize=1)
def _loaded_base(base: SegmentOptions, session: str) -> Segmenter:
    return base.load()
