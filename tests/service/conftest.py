from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from amcnet.anatomy import LabelTable
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.job_queue import JobQueue, new_id
from amcnet.service.queue.queue_database import QueueDatabase
from amcnet.service.queue.stored_job import State, StoredJob


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folders(tmp_path: Path) -> JobFolders:
    return JobFolders(tmp_path / "data", reserve_bytes=0)


@pytest.fixture
def queue(folders: JobFolders, clock: Clock):
    database = QueueDatabase(folders.data / "queue.sqlite")
    yield JobQueue(database, clock)
    database.close()


def a_job(clock: Clock, **changes: object) -> StoredJob:
    job = StoredJob(new_id(), "anna", State.QUEUED, "a.nrrd", {}, clock.now, clock.now)
    return replace(job, **changes)


@pytest.fixture(scope="session")
def plain_bundle(make_bundle: Callable[..., Path]) -> Path:
    """A tiny model whose labels are no hand's, so that no axes are searched."""
    labels = LabelTable.from_names(["left block", "right block"]).to_dicts()
    return make_bundle("plain", seed=7, labels=labels, network={"num_classes": 3})
