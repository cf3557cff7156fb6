"""The SQLite file of the queue: its table, and transactions that are on the disk when they end."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.service.queue.stored_job import State, StoredJob
from amcnet.service.queue.turns import TABLE as TURNS_TABLE

_FORMAT = 1
_BUSY_SECONDS = 30
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  state TEXT NOT NULL,
  name TEXT NOT NULL,
  options TEXT NOT NULL,
  content_key TEXT UNIQUE,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  started REAL,
  seconds REAL,
  attempts INTEGER NOT NULL DEFAULT 0,
  interruptions INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  verdict TEXT NOT NULL DEFAULT '',
  found INTEGER,
  wanted INTEGER,
  series TEXT NOT NULL DEFAULT '',
  was_released INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, sequence);
CREATE INDEX IF NOT EXISTS jobs_by_series ON jobs (series);
"""
_COLUMNS = (
    "id, owner, state, name, options, created, updated, started, seconds, attempts, not_before, "
    "error, verdict, found, wanted, series, was_released"
)
SELECT = f"SELECT {_COLUMNS} FROM jobs"


class QueueDatabase:
    """The database of the queue, used by all threads of the service one after the other.

    A transaction has reached the disk when it ends (write-ahead log, ``synchronous=FULL``), so that
    neither a killed process nor a power failure loses anything that a sender was told.

    Args:
        path: The file; it is made if it does not exist.

    Raises:
        OutputError: If the file cannot be used or was written by a later version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            # SQLite gives its log files the permissions of the database.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found > _FORMAT:
                raise OutputError(
                    f"{path}: was written by a later amcnet (queue format {found}), expected "
                    f"format {_FORMAT}"
                )
            self._connection.executescript(_TABLE + TURNS_TABLE)
            self._connection.execute(f"PRAGMA user_version={_FORMAT}")
        except (sqlite3.Error, OSError) as error:
            raise OutputError(f"{path}: cannot be used as a queue ({error})") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within a transaction that is committed, or rolled back on errors.

        Raises:
            sqlite3.Error: If the transaction cannot be stored, for example on a full disk.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def select(self, condition: str, *values: object) -> list[StoredJob]:
        """Return the jobs that match an SQL condition.

        Args:
            condition: The part after ``SELECT ... FROM jobs``, with ``?`` for values.
            values: The values.
        """
        with self._lock:
            rows = self._connection.execute(f"{SELECT} {condition}", values).fetchall()
        return [job_of(row) for row in rows]

    def counts(self) -> dict[State, int]:
        """Return the number of jobs in each state."""
        with self._lock:
            rows = self._connection.execute("SELECT state, count(*) FROM jobs GROUP BY state")
            found = {State(state): int(count) for state, count in rows.fetchall()}
        return {state: found.get(state, 0) for state in State}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def job_of(row: tuple[object, ...]) -> StoredJob:
    """Return the job of a row of :data:`SELECT`."""
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    values["state"] = State(str(values["state"]))
    values["options"] = json.loads(str(values["options"]))
    values["was_released"] = bool(values["was_released"])
    return StoredJob(**values)  # type: ignore[arg-type]
