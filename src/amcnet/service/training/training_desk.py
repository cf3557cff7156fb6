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
from dataclasses import replace
from pathlib import Path

from amcnet.errors import InputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.verified_files import synchronise_files
from amcnet.service.queue.job_queue import new_id
from amcnet.service.training.training_record import (
    IDLE,
    TrainingRecord,
    TrainingState,
    read_record,
)

_log = logging.getLogger(__name__)

_RECORD = "training.json"
_MOST_EVENTS = 2000  # in one answer


class TrainingDesk:
    """The trainings of a service.

    A training that the previous process was working on is queued again.

    Args:
        data: Folder of the service.
        most_minutes: Longest time limit of a training.

    Attributes:
        most_minutes: Longest time limit of a training.
        wake: Set when there may be work.
    """

    def __init__(self, data: Path, most_minutes: float) -> None:
        self.most_minutes = most_minutes
        self.wake = threading.Event()
        self._home = data / "trainings"
        self._lock = threading.Lock()
        self._pausing: set[str] = set()
        self._records: dict[str, TrainingRecord] = {}
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._load()

    def _load(self) -> None:
        for folder in sorted(self._home.iterdir()):
            try:
                record = read_record((folder / _RECORD).read_text(encoding="utf-8"))
            except (OSError, InputError):
                shutil.rmtree(folder, ignore_errors=True)  # an upload that was never accepted
                continue
            self._records[record.id] = record
            if record.state is TrainingState.RUNNING:
                self._change(record, TrainingState.QUEUED)

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

    def accept(self, incoming: Path, name: str, owner: str, minutes: float) -> TrainingRecord:
        """Queue a training on an uploaded data set, whose folder is moved."""
        synchronise_files(incoming)
        now = time.time()
        record = TrainingRecord(new_id(), owner, name, TrainingState.QUEUED, minutes, now, now)
        self.data_set(record).parent.mkdir(mode=0o700, parents=True)
        incoming.rename(self.data_set(record))
        with self._lock:
            self._write(record)
        self.wake.set()
        _log.info("training %s is queued, %g min", record.id, minutes)
        return record

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
        try:
            text = self.events_path(training_id).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        lines = text.split("\n")[:-1]  # the last line may not be complete
        return [_event(line) for line in lines[since : since + _MOST_EVENTS]]

    def begin(self, record: TrainingRecord) -> None:
        """Note that a training runs."""
        self._set(record.id, TrainingState.RUNNING)

    def end(self, training_id: str, state: TrainingState, error: str = "") -> None:
        """Note the end of a training, or its pause."""
        self._pausing.discard(training_id)
        self._set(training_id, state, error)
        _log.info("training %s is %s", training_id, state)

    def pause(self, training_id: str) -> None:
        """Pause a training: a running one finishes and saves its step first."""
        with self._lock:
            record = self._records.get(training_id)
            if record is None or record.state in IDLE:
                return
            if record.state is TrainingState.QUEUED:
                self._change(record, TrainingState.PAUSED)
            else:
                self._pausing.add(training_id)

    def resume(self, training_id: str) -> None:
        """Queue a paused or failed training again."""
        with self._lock:
            self._pausing.discard(training_id)
            record = self._records.get(training_id)
            if record is not None and record.state in (TrainingState.PAUSED, TrainingState.FAILED):
                self._change(record, TrainingState.QUEUED)
        self.wake.set()

    def must_stop(self, training_id: str) -> bool:
        """Return whether a running training was paused or deleted."""
        return training_id in self._pausing or training_id not in self._records

    def delete(self, training_id: str) -> None:
        """Delete a training; the worker removes the files of a running one."""
        with self._lock:
            record = self._records.pop(training_id, None)
        if record is not None and record.state is not TrainingState.RUNNING:
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
