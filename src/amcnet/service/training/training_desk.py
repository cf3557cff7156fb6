"""Accepts trainings and keeps their folders.

::

    DIR/trainings/ID/training.json   its record
    DIR/trainings/ID/data/NAME/      the uploaded data set
    DIR/trainings/ID/prepared/       the data set on the model's grid
    DIR/trainings/ID/run/            the run folder
    DIR/trainings/ID/events.jsonl    progress, one event a line
    DIR/trainings/ID/log             messages of the commands
"""

import json
import logging
import os
import shutil
import threading
import time
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from amcnet.errors import ConfigError, InputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.verified_files import synchronise_files
from amcnet.service.queue.job_queue import new_id
from amcnet.service.training.training_record import (
    IDLE,
    TrainingRecord,
    TrainingState,
    read_record,
)
from amcnet.service.work.job_output import scrubbed

_log = logging.getLogger(__name__)

_RECORD = "training.json"
_MOST_EVENTS = 2000  # in one answer
_MOST_UNFINISHED = 5  # trainings of one user
_AFTER_RESTART = {
    TrainingState.RUNNING: TrainingState.QUEUED,
    TrainingState.PAUSING: TrainingState.PAUSED,
}


@dataclass(frozen=True)
class TrainingRequest:
    """A request for a training, see :class:`TrainingRecord`."""

    owner: str
    name: str
    minutes: float
    digest: str


class TrainingDesk:
    """The trainings of a service.

    A training that the previous process was working on is queued again.

    Args:
        data: Folder of the service.
        most_minutes: Longest time limit of a training; 0 to accept none.

    Attributes:
        most_minutes: Longest time limit of a training; 0 if none is accepted.
        wake: Set when there may be work.
    """

    def __init__(self, data: Path, most_minutes: float) -> None:
        self.most_minutes = most_minutes
        self.wake = threading.Event()
        self._home = data / "trainings"
        self._lock = threading.RLock()
        self._records: dict[str, TrainingRecord] = {}
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._load()

    def _load(self) -> None:
        for folder in sorted(self._home.iterdir()):
            if not (folder / _RECORD).exists():  # an upload that was not accepted, or was deleted
                shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                record = read_record((folder / _RECORD).read_text(encoding="utf-8"))
            except (OSError, InputError) as error:
                _log.warning("training %s cannot be read and is left out: %s", folder.name, error)
                continue
            self._records[record.id] = record
            if record.state in _AFTER_RESTART:
                self._change(record, _AFTER_RESTART[record.state])

    def folder(self, training_id: str) -> Path:
        """Return the folder of a training."""
        return self._home / training_id

    def data_set(self, record: TrainingRecord) -> Path:
        """Return the folder of an uploaded data set."""
        return self.folder(record.id) / "data" / record.name

    def run(self, training_id: str) -> Path:
        """Return the run folder of a training, which contains its model in the end."""
        return self.folder(training_id) / "run"

    def events_path(self, training_id: str) -> Path:
        """Return the file to which the training writes its progress."""
        return self.folder(training_id) / "events.jsonl"

    def accept(self, incoming: Path, request: TrainingRequest) -> tuple[TrainingRecord, bool]:
        """Queue a training on an uploaded data set, whose folder is moved.

        Returns:
            The training, and whether it is new: the same request of the same user gives the
            training that has not failed.

        Raises:
            ConfigError: If the user has too many trainings that have not ended.
        """
        own = [one for one in self.all() if one.owner == request.owner]
        for record in own:
            same = (record.name, record.minutes, record.digest)
            if same == (request.name, request.minutes, request.digest) and not record.error:
                return record, False
        if sum(one.state not in IDLE for one in own) >= _MOST_UNFINISHED:
            raise ConfigError(
                f"found {_MOST_UNFINISHED} trainings of yours that have not ended, expected fewer "
                "before the next one"
            )
        synchronise_files(incoming)
        now = time.time()
        record = TrainingRecord(
            id=new_id(), state=TrainingState.QUEUED, created=now, updated=now, **asdict(request)
        )
        self.data_set(record).parent.mkdir(mode=0o700, parents=True)
        incoming.rename(self.data_set(record))
        with self._lock:
            self._write(record)
        self.wake.set()
        _log.info("training %s is queued, %g min", record.id, record.minutes)
        return record, True

    def find(self, training_id: str) -> TrainingRecord | None:
        """Return a training; None if there is none of this name."""
        return self._records.get(training_id)

    def all(self) -> list[TrainingRecord]:
        """Return all trainings, the oldest first."""
        return sorted(self._records.values(), key=lambda record: record.created)

    def next_queued(self) -> TrainingRecord | None:
        """Return the oldest training that is queued."""
        queued = (one for one in self.all() if one.state is TrainingState.QUEUED)
        return next(queued, None)

    def events(self, training_id: str, since: int) -> list[dict[str, object]]:
        """Return the events of a training, from a number on.

        Args:
            training_id: The training.
            since: Number of events that the caller has already.
        """
        folder = self.folder(training_id)
        try:
            with self.events_path(training_id).open(encoding="utf-8", errors="replace") as file:
                lines = list(islice(file, since, since + _MOST_EVENTS))
        except OSError:
            return []
        # The last line may not be complete.
        return [scrubbed(_event(line), folder) for line in lines if line.endswith("\n")]

    def begin(self, record: TrainingRecord) -> None:
        """Note that a training runs."""
        self._set(record.id, TrainingState.RUNNING)

    def end(self, training_id: str, state: TrainingState, error: str = "") -> None:
        """Note the end of a training, or its pause."""
        self._set(training_id, state, error)
        _log.info("training %s is %s", training_id, state)

    def pause(self, training_id: str) -> None:
        """Pause a training: a running one finishes and saves its step first."""
        with self._lock:
            record = self._records.get(training_id)
            if record is not None and record.state is TrainingState.QUEUED:
                self._change(record, TrainingState.PAUSED)
            elif record is not None and record.state is TrainingState.RUNNING:
                self._change(record, TrainingState.PAUSING)

    def resume(self, training_id: str) -> None:
        """Queue a paused or failed training again."""
        with self._lock:
            record = self._records.get(training_id)
            if record is not None and record.state is TrainingState.PAUSING:
                self._change(record, TrainingState.RUNNING)  # the worker queues it again
            elif record is not None and record.state in (
                TrainingState.PAUSED,
                TrainingState.FAILED,
            ):
                self._change(record, TrainingState.QUEUED)
        self.wake.set()

    def is_pausing(self, training_id: str) -> bool:
        """Return whether a running training was paused."""
        record = self._records.get(training_id)
        return record is not None and record.state is TrainingState.PAUSING

    def delete(self, training_id: str) -> None:
        """Delete a training; the worker removes the files of a running one."""
        with self._lock:
            record = self._records.pop(training_id, None)
            # Without its record, the folder is removed at the next start at the latest.
            (self.folder(training_id) / _RECORD).unlink(missing_ok=True)
        busy = (TrainingState.RUNNING, TrainingState.PAUSING)
        if record is not None and record.state not in busy:
            self.remove_files(training_id)

    def remove_files(self, training_id: str) -> None:
        """Remove the files of a training."""
        shutil.rmtree(self.folder(training_id), ignore_errors=True)

    def delete_expired(self, keep_hours: float) -> None:
        """Delete the trainings in which nothing has happened for some hours."""
        oldest = time.time() - keep_hours * 3600
        for record in self.all():
            if record.state in IDLE and record.updated < oldest:
                self.delete(record.id)
                _log.info("training %s was deleted after %g hours", record.id, keep_hours)

    def _set(self, training_id: str, state: TrainingState, error: str = "") -> None:
        with self._lock:
            record = self._records.get(training_id)
            if record is not None:
                self._change(record, state, error)

    def _change(self, record: TrainingRecord, state: TrainingState, error: str = "") -> None:
        self._write(replace(record, state=state, error=error, updated=time.time()))

    def _write(self, record: TrainingRecord) -> None:
        self._records[record.id] = record
        path = self.folder(record.id) / _RECORD
        write_atomically(path, json.dumps(record.to_json()))
        os.chmod(path, 0o600)  # noqa: PTH101  only the service's user may read it


def _event(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
