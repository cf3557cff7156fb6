"""The whole service: its parts start in order and end in reverse order."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from amcnet.bundle.locate import BUNDLED_NAME
from amcnet.extras import require_extra
from amcnet.io.file_lock import held_lock
from amcnet.service.access_tokens import AccessTokens, read_tokens
from amcnet.service.dicom.forwarder import Forwarder, add_report
from amcnet.service.dicom.series_arrivals import SeriesArrivals
from amcnet.service.dicom.storage_node import StorageNode
from amcnet.service.http.http_app import make_app
from amcnet.service.http.http_context import HttpContext
from amcnet.service.http.http_server import listen, make_server, url_of
from amcnet.service.job_desk import JobDesk
from amcnet.service.job_options import JobOptions
from amcnet.service.network_addresses import DicomNode
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.queue_database import QueueDatabase
from amcnet.service.queue.retention import delete_expired, recover_queue
from amcnet.service.service_settings import ServiceSettings
from amcnet.service.training.training_desk import TrainingDesk
from amcnet.service.training.training_worker import TrainingWorker
from amcnet.service.work.job_feed import JobFeed
from amcnet.service.work.job_runner import JobRunner, SegmentOne, add_nothing
from amcnet.service.work.local_segmenting import LocalSegmenting
from amcnet.service.work.result_formats import ResultFormats
from amcnet.service.work.service_model import LoadedModel, options_for, read_facts
from amcnet.service.work.worker_threads import WorkerThreads, run_guarded
from amcnet.workflows.segment.options import SegmentOptions

_log = logging.getLogger(__name__)

_RETENTION_SECONDS = 60.0
_ARRIVALS_SECONDS = 0.5
_JOIN_SECONDS = 5.0
_TRAINING_JOIN_SECONDS = 20.0  # for the step that a training finishes and saves
_OWN_TITLE = "AMCNET"
_PRIVATE = 0o077  # only the service's user may read its files and folders


def run_service(settings: ServiceSettings, started: Callable[[str], None]) -> None:
    """Run a service until Ctrl-C or SIGTERM.

    Args:
        settings: Settings of the service.
        started: Called with its URL when it is ready.

    Raises:
        ConfigError: If the settings contradict each other, or an address is in use.
        ModelError: If the model cannot be used.
        OutputError: If the data folder cannot be used, or another service uses it.

    Example:
        >>> from pathlib import Path
        >>> from amcnet.service.network_addresses import HttpAddress
        >>> open_to_all = ServiceSettings(Path("data"), HttpAddress("0.0.0.0", 8042))
        >>> run_service(open_to_all, started=print)
        Traceback (most recent call last):
        ...
        amcnet.errors.ConfigError: --http: 0.0.0.0 can be reached from other machines, expected \
        --token-file, and a server in front that adds TLS (docs/serving.md)
    """
    settings.check()
    tokens = AccessTokens() if settings.token_file is None else read_tokens(settings.token_file)
    stop = threading.Event()
    with ExitStack() as parts:
        parts.enter_context(_private_files())
        folders = JobFolders(settings.data, settings.reserve_bytes)
        busy = f"--data: {folders.data} is in use by another amcnet serve, expected another folder"
        parts.enter_context(held_lock(folders.data / "lock", busy))
        listening = parts.enter_context(listen(settings.http))
        database = QueueDatabase(folders.data / "queue.sqlite")
        parts.callback(database.close)
        desk = JobDesk(JobQueue(database), folders, threading.Event())
        recover_queue(desk.queue, folders)
        service = _Service(settings, desk, tokens, stop)
        parts.callback(service.end)
        service.start()
        url = url_of(listening)
        server = make_server(make_app(service.context(listening.getsockname()[1])))
        _log.info("listening at %s", url)
        started(url)
        server.run(sockets=[listening])
    _log.info("ended")


class _Service:
    """The threads of a service."""

    def __init__(
        self,
        settings: ServiceSettings,
        desk: JobDesk,
        tokens: AccessTokens,
        stop: threading.Event,
    ) -> None:
        self._settings, self._desk, self._tokens, self._stop = settings, desk, tokens, stop
        self._feed = JobFeed()
        self._model = read_facts(settings.segment)
        options = partial(options_for, settings.segment)
        segmenting, threads = self._place(options)
        runner = JobRunner(
            desk.queue,
            desk.folders,
            self._feed,
            self._model,
            options,
            segmenting,
            forwards=settings.forward is not None,
            finish_folder=add_report if settings.forward_report else add_nothing,
        )
        self._workers = WorkerThreads(desk.queue, runner, threads, desk.wake, stop)
        self._threads = [_thread("retention", self._delete_expired, stop)]
        self._trainings = TrainingDesk(desk.folders.data, 60 * settings.training_hours)
        self._training_thread: threading.Thread | None = None
        if settings.training_hours:
            require_extra("train", "amcnet serve --training")
            trained_from = (settings.segment.models or (BUNDLED_NAME,))[0]
            worker = TrainingWorker(self._trainings, str(trained_from), stop)
            self._training_thread = _thread("trainings", worker.step, stop)
            self._threads.append(self._training_thread)
        self._node: StorageNode | None = None
        if settings.forward is not None:
            title = _OWN_TITLE if settings.dicom is None else settings.dicom.title
            forwarder = Forwarder(
                desk.queue, desk.folders, settings.forward, title, runner.result_is_ready, stop
            )
            self._threads.append(_thread("forwarder", forwarder.step, stop))
        self._arrivals: SeriesArrivals | None = None
        if settings.dicom is not None:
            wanted = JobOptions(forward=settings.forward is not None)
            self._arrivals = SeriesArrivals(desk, wanted, settings.dicom.quiet_seconds)
            self._threads.append(_thread("arrivals", self._complete_series, stop))

    def _place(self, options: Callable[[JobOptions], SegmentOptions]) -> tuple[SegmentOne, int]:
        """Return the function that segments volumes, and how many run at once."""
        desk, stop, address = self._desk, self._stop, self._settings.dask
        if address is None:
            model = LoadedModel(self._settings.segment)
            local = LocalSegmenting(
                model, options, desk.folders, desk.queue.next_queued, stop.is_set, desk.is_deleted
            )
            return local, 1
        require_extra("dask", "segmenting on a Dask cluster")
        from amcnet.service.work.cluster_segmenting import ClusterSegmenting, count_workers

        return ClusterSegmenting(address, stop.is_set), count_workers(address) + 1

    def start(self) -> None:
        """Start the threads.

        Raises:
            ConfigError: If the DICOM port is taken.
        """
        settings, folders = self._settings, self._desk.folders
        if settings.dicom is not None and self._arrivals is not None:
            self._node = StorageNode(
                settings.dicom, self._arrivals, folders.incoming, settings.most_bytes
            )
            _log.info("DICOM node %s at port %d", settings.dicom.title, self._node.port)
        self._workers.start()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop the threads; a volume that is being segmented stops at its next slice."""
        self._stop.set()
        self._desk.wake.set()
        if self._node is not None:
            self._node.close()
        self._workers.join(_JOIN_SECONDS)
        if self._training_thread is not None:
            self._trainings.wake.set()
            self._training_thread.join(_TRAINING_JOIN_SECONDS)

    def context(self, port: int) -> HttpContext:
        """Return the parts that the HTTP routes use."""
        settings = self._settings
        is_open = settings.token_file is None
        return HttpContext(
            desk=self._desk,
            feed=self._feed,
            formats=ResultFormats(self._desk.folders),
            tokens=self._tokens,
            model=self._model,
            most_bytes=settings.most_bytes,
            keep_hours=settings.keep_hours,
            dicom=None
            if self._node is None or settings.dicom is None
            else f"{settings.dicom.title}:{self._node.port}",
            forward=_shown(settings.forward),
            loopback_port=port if is_open else None,
            retry=self._desk.queue.retry,
            trainings=self._trainings,
        )

    def _complete_series(self) -> None:
        if self._arrivals is not None:
            self._arrivals.complete()
        self._stop.wait(_ARRIVALS_SECONDS)

    def _delete_expired(self) -> None:
        delete_expired(self._desk.queue, self._desk.folders, self._settings.keep_hours)
        self._trainings.delete_expired(self._settings.keep_hours)
        self._stop.wait(_RETENTION_SECONDS)


def _thread(name: str, step: Callable[[], None], stop: threading.Event) -> threading.Thread:
    return threading.Thread(target=run_guarded, args=(step, stop), name=name, daemon=True)


def _shown(destination: DicomNode | str | None) -> str | None:
    """Return a destination without the user and password that its URL may contain."""
    if not isinstance(destination, str):
        return None if destination is None else str(destination)
    scheme, _, rest = destination.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


@contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(_PRIVATE)
    try:
        yield
    finally:
        os.umask(before)
