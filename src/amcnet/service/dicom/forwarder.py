"""Forward results: retried with growing pauses until the destination has them."""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from amcnet.errors import AmcnetError, ConfigError, OutputError
from amcnet.extras import require_extra
from amcnet.io import find_extension
from amcnet.service.dicom.encapsulated_report import write_encapsulated_report
from amcnet.service.dicom.report_pdf import report_pdf
from amcnet.service.dicom.stow import store_by_web
from amcnet.service.network_addresses import DicomNode
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.queue.stored_job import StoredJob
from amcnet.service.work.job_output import DICOM_FILE, DICOM_REPORT_FILE, REPORT_FILE

_log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 3600.0
_POLL_SECONDS = 1.0
_ANSWER_SECONDS = 60.0
_WARNING = 0xB000


def waiting_seconds(attempts: int) -> float:
    """Return how long to wait after some failed attempts: 5 s, twice as long each time, up to 1 h.

    >>> [waiting_seconds(attempts) for attempts in (0, 1, 2, 20)]
    [5.0, 10.0, 20.0, 3600.0]
    """
    return min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 20))


class Forwarder:
    """Sends the DICOM segmentations of jobs, and their reports if asked, to another node.

    The file of a job is written once. If it is sent twice, because the service was killed before it
    could record the success, the destination therefore receives the same object.

    Args:
        queue: The queue.
        folders: Where the files are.
        destination: A node, or the URL of a DICOMweb service.
        own_title: AE title of this service.
        is_ready: Set when there may be a result to send.
        stop: Set when the service ends.
    """

    def __init__(
        self,
        queue: JobQueue,
        folders: JobFolders,
        destination: DicomNode | str,
        own_title: str,
        is_ready: Event,
        stop: Event,
    ) -> None:
        require_extra("dicom", "forwarding DICOM segmentations")
        self._queue, self._folders = queue, folders
        self._is_ready, self._stop = is_ready, stop
        self._send = sender_to(destination, own_title)

    def step(self) -> None:
        """Send the results that are due, or wait a little."""
        self._is_ready.clear()
        due = self._queue.forwarding_due()
        if not due:
            self._is_ready.wait(_POLL_SECONDS)
            return
        for job in due:
            if self._stop.is_set():
                return
            self._forward(job)

    def _forward(self, job: StoredJob) -> None:
        folder = self._folders.output(job.id)
        path, report = folder / DICOM_FILE, folder / DICOM_REPORT_FILE
        try:
            if not path.is_file():
                raise OutputError("its DICOM segmentation no longer exists")
            self._send(path)
            if report.is_file():
                self._send(report)
        except Exception as error:  # one error must not hold up the other results
            wait = waiting_seconds(job.attempts)
            is_known = isinstance(error, AmcnetError)
            reason = str(error) if is_known else f"it could not be sent ({type(error).__name__})"
            if self._queue.postpone(job, wait, reason):
                _log.warning(
                    "job %s could not be forwarded (attempt %d), it is tried again in %.0f s",
                    job.id,
                    job.attempts + 1,
                    wait,
                    exc_info=not is_known,
                )
            return
        if self._queue.forwarded(job.id):
            _log.info("job %s was forwarded", job.id)


def add_report(folder: Path, source: Path, event: dict[str, Any]) -> None:
    """Add the report as a DICOM object to the folder of a result.

    Args:
        folder: The folder, with the report page.
        source: The volume: a folder of images, or one file.
        event: The ``result`` event.

    Raises:
        OutputError: If it cannot be written.
    """
    page = folder / REPORT_FILE
    image = min(source.iterdir()) if source.is_dir() else source
    if page.is_file() and find_extension(image, (".zip",)) is None:
        pdf = report_pdf(event, page.read_text(encoding="utf-8"))
        write_encapsulated_report(folder / DICOM_REPORT_FILE, image, pdf)


def sender_to(destination: DicomNode | str, own_title: str) -> Callable[[Path], None]:
    """Return a function that sends a file to a destination, or raises OutputError."""
    if isinstance(destination, str):
        return lambda path: store_by_web(destination, path)
    require_extra("serve", "sending DICOM")
    return lambda path: store_at_node(destination, own_title, path)


def store_at_node(node: DicomNode, own_title: str, path: Path) -> None:
    """Store a DICOM file at a node by C-STORE.

    Raises:
        OutputError: If the node cannot be reached or refuses it.
        ConfigError: If the file has no transfer syntax.
    """
    from pydicom import dcmread
    from pynetdicom import AE

    dataset = dcmread(path)
    meta = dataset.file_meta
    if "TransferSyntaxUID" not in meta:
        raise ConfigError("the file states no transfer syntax")
    own = AE(ae_title=own_title)
    own.acse_timeout = own.dimse_timeout = own.network_timeout = _ANSWER_SECONDS
    own.connection_timeout = _ANSWER_SECONDS
    own.add_requested_context(dataset.SOPClassUID, meta.TransferSyntaxUID)
    association = own.associate(node.host, node.port, ae_title=node.title)
    if not association.is_established:
        why = "refused the association" if association.is_rejected else "cannot be reached"
        raise OutputError(f"the node {node} {why}")
    try:
        if not association.accepted_contexts:
            raise OutputError(f"the node {node} does not accept such objects")
        status = association.send_c_store(dataset)
    finally:
        association.release()
    code = status.get("Status")
    if code is None:
        raise OutputError(f"the node {node} did not answer")
    if code and code & 0xF000 != _WARNING:
        raise OutputError(f"the node {node} refused it (status {code:04X})")
