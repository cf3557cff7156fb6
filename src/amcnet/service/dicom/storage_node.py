"""The DICOM node: verification (C-ECHO) and storage (C-STORE) from configured senders only."""

import logging
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import Any

from amcnet.errors import AmcnetError, ConfigError
from amcnet.extras import require_extra
from amcnet.service.access_tokens import DICOM_OWNER
from amcnet.service.dicom.series_arrivals import ArrivedImage, SeriesArrivals
from amcnet.service.network_addresses import DicomNode
from amcnet.service.queue.job_folders import is_full
from amcnet.service.service_settings import DicomSettings

_log = logging.getLogger(__name__)

SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_REJECTED_PERMANENTLY, _BY_USER, _CALLING_TITLE_UNKNOWN = 0x01, 0x01, 0x03
_LOOPBACK = "127.0.0.1"
_MOST_ASSOCIATIONS = 32
_IDLE_SECONDS = 120.0
_REQUEST_SECONDS = 15.0  # until a connection asks for an association
# Storage classes of ultrasound volumes, and of what other programs convert them to.
_STORAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.6.1",  # Ultrasound Image
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.6.2",  # Enhanced US Volume
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound Image (retired)
    "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame Image (retired)
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.2",  # Multi-frame Grayscale Byte Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.3",  # Multi-frame Grayscale Word Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
)
_TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first order
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
)


class StorageNode:
    """Listens for DICOM associations until it is closed.

    Args:
        settings: Title, port and accepted senders.
        arrivals: Receives the images.
        folder: For images that are not stored yet; on the disk of the service's data.
        most_bytes: Largest image.

    Raises:
        ConfigError: If the port is taken.
        MissingExtraError: If pynetdicom is not installed.
    """

    def __init__(
        self, settings: DicomSettings, arrivals: SeriesArrivals, folder: Path, most_bytes: int
    ) -> None:
        require_extra("serve", "receiving DICOM")
        from pynetdicom import AE, _config, evt
        from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
        from pynetdicom.transport import ThreadedAssociationServer

        class Server(ThreadedAssociationServer):
            """Closes connections from unknown addresses, which would occupy places of others."""

            def verify_request(server, request: Any, client_address: Any) -> bool:  # noqa: ANN401, N805
                """Return whether a connection may request an association."""
                is_known = self._is_known_address(str(client_address[0]))
                if not is_known:
                    _log.warning("a connection from %s was closed", client_address[0])
                return is_known

        self._peers, self._arrivals, self._most_bytes = settings.peers, arrivals, most_bytes
        # Images are written to files as they come: a volume of gigabytes takes no memory.
        _config.STORE_RECV_CHUNKED_DATASET = True
        tempfile.tempdir = str(folder)
        node = AE(ae_title=settings.title)
        node.require_called_aet = True
        node.maximum_associations = _MOST_ASSOCIATIONS
        node.network_timeout, node.acse_timeout = _IDLE_SECONDS, _REQUEST_SECONDS
        node.add_supported_context(Verification)
        for storage_class in _STORAGE_CLASSES:
            node.add_supported_context(storage_class, list(_TRANSFER_SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._admit),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, lambda event: SUCCESS),
            (evt.EVT_RELEASED, self._released),
            (evt.EVT_ABORTED, self._broken_off),
            (evt.EVT_CONN_CLOSE, self._broken_off),
        ]
        host = "0.0.0.0" if any(_is_elsewhere(one) for one in self._peers) else _LOOPBACK
        try:
            self._server: Any = node.make_server(
                (host, settings.port), evt_handlers=handlers, server_class=Server
            )
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(
                f"--dicom: port {settings.port}: {reason}, expected a free port"
            ) from error
        node._servers.append(self._server)  # its shutdown expects this, as in start_server
        serving = threading.Thread(
            target=self._server.serve_forever, name="DICOM node", daemon=True
        )
        serving.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.socket.getsockname()[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()

    def _admit(self, event: Any) -> None:  # noqa: ANN401  pynetdicom's own type
        """Reject an association of a node that is not configured."""
        requestor = event.assoc.requestor
        try:
            title = str(requestor.primitive.calling_ae_title).strip()
            is_known = self._is_known(title, str(requestor.address))
        except Exception:  # on any error, refuse
            is_known = False
        if not is_known:
            _log.warning("an association from %s was refused", requestor.address)
            event.assoc.acse.send_reject(_REJECTED_PERMANENTLY, _BY_USER, _CALLING_TITLE_UNKNOWN)

    def _is_known(self, title: str, address: str) -> bool:
        if not self._peers:
            return self._is_known_address(address)
        return any(one.title == title and one.host == address for one in self._peers)

    def _is_known_address(self, address: str) -> bool:
        if not self._peers:
            return address.startswith("127.")
        return any(one.host == address for one in self._peers)

    def _store(self, event: Any) -> int:  # noqa: ANN401
        """Store an image and return the status of C-STORE."""
        path = Path(event.dataset_path)
        try:
            image = self._arrived(event, path)
            if image is None:
                return CANNOT_UNDERSTAND
            self._arrivals.store(image)
            return SUCCESS
        except (AmcnetError, OSError, sqlite3.Error) as error:
            what = "the disk is full" if is_full(error) else type(error).__name__
            _log.warning("an image was refused: %s", what)
            return OUT_OF_RESOURCES
        except Exception:
            _log.exception("an image was refused")
            return CANNOT_UNDERSTAND
        finally:
            path.unlink(missing_ok=True)

    def _arrived(self, event: Any, path: Path) -> ArrivedImage | None:  # noqa: ANN401
        from pydicom import dcmread

        if path.stat().st_size > self._most_bytes:
            _log.warning("an image was refused: it is too large")
            return None
        tags = ["SeriesInstanceUID", "SOPInstanceUID"]
        header = dcmread(path, stop_before_pixels=True, specific_tags=tags)
        series, instance = (str(header.get(tag, "")) for tag in tags)
        if not series or not instance:
            return None
        title = str(event.assoc.requestor.primitive.calling_ae_title).strip()
        return ArrivedImage(path, series, instance, f"{DICOM_OWNER}{title}", id(event.assoc))

    def _released(self, event: Any) -> None:  # noqa: ANN401
        self._arrivals.end(id(event.assoc), was_released=True)

    def _broken_off(self, event: Any) -> None:  # noqa: ANN401
        self._arrivals.end(id(event.assoc), was_released=False)


def _is_elsewhere(node: DicomNode) -> bool:
    return not node.host.startswith("127.")
