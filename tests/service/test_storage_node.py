"""Who may open a connection to the DICOM node."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amcnet.service.dicom.series_arrivals import SeriesArrivals
from amcnet.service.dicom.storage_node import StorageNode
from amcnet.service.job_desk import JobDesk
from amcnet.service.job_options import JobOptions
from amcnet.service.network_addresses import DicomNode
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue
from amcnet.service.service_settings import DicomSettings

pynetdicom = pytest.importorskip("pynetdicom", reason="pip install 'amcnet[serve]'")
VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture
def port(
    queue: JobQueue, folders: JobFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    monkeypatch.setattr("tempfile.tempdir", None)  # the node changes it
    desk = JobDesk(queue, folders, None)
    settings = DicomSettings("AMCNET", 0, (DicomNode("ECHO", "127.0.0.1"),))
    node = StorageNode(settings, SeriesArrivals(desk, JobOptions(), 1.0), folders.incoming, 2**20)
    yield node.port
    node.close()


def verifies(port: int, own: str, called: str) -> bool:
    node = pynetdicom.AE(ae_title=own)
    node.add_requested_context(VERIFICATION)
    association = node.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return False
    status = association.send_c_echo().Status
    association.release()
    return status == 0


@pytest.mark.parametrize(
    ("own", "called", "may"),
    [("ECHO", "AMCNET", True), ("OTHER", "AMCNET", False), ("ECHO", "OTHER", False)],
)
def test_titles_on_both_sides_have_to_be_right(port: int, own: str, called: str, may: bool) -> None:
    assert verifies(port, own, called) is may


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address alone")
def test_connections_from_unknown_addresses_take_no_place(port: int) -> None:
    held = [
        socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.2", 0))
        for _ in range(60)
    ]
    try:
        assert all(one.recv(1) == b"" for one in held)
        assert verifies(port, "ECHO", "AMCNET")
    finally:
        for one in held:
            one.close()
