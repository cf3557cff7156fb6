"""The queue of jobs: every change of state is one transaction, made only from the state before.

A job is accepted when its row is on the disk; from then on it ends in exactly one result, however
often the process is killed. A change is made only if the job is still in the expected state, so a
job that was deleted meanwhile stays deleted.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from amcnet.service.queue.queue_database import SELECT, QueueDatabase, job_of
from amcnet.service.queue.stored_job import ENDED, ResultFacts, State, StoredJob
from amcnet.service.queue.turns import in_turn, take_turn

_ID_BYTES = 12
_AGAIN = (
    "UPDATE jobs SET state='queued', updated=?, attempts=0, interruptions=0, not_before=0, "
    "error='' WHERE id=?"
)
_MOST_INTERRUPTIONS = 20
_INTERRUPTED = (
    f"the service ended {_MOST_INTERRUPTIONS + 1} times while it worked on this volume, perhaps "
    "for lack of memory"
)


def new_id() -> str:
    """Return a name for a job that nobody can guess."""
    return secrets.token_hex(_ID_BYTES)


def content_key(owner: str, digest: str, options: Mapping[str, Any]) -> str:
    """Return a key that is equal where the same owner submits the same content and options."""
    text = json.dumps([owner, digest, options], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class JobQueue:
    """All jobs of a service and their states.

    Args:
        database: The database that holds them.
        clock: Returns seconds since 1970.
    """

    def __init__(self, database: QueueDatabase, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def find(self, job_id: str) -> StoredJob | None:
        """Return a job by its id; None if there is none."""
        return next(iter(self._database.select("WHERE id=?", job_id)), None)

    def listed(self, owner: str | None = None, most: int = 500) -> list[StoredJob]:
        """Return the latest jobs, of one owner or of all, the latest first."""
        if owner is None:
            return self._database.select("ORDER BY sequence DESC LIMIT ?", most)
        return self._database.select("WHERE owner=? ORDER BY sequence DESC LIMIT ?", owner, most)

    def in_state(self, state: State) -> list[StoredJob]:
        """Return the jobs in a state, the oldest first."""
        return self._database.select("WHERE state=? ORDER BY sequence", state)

    def counts(self) -> dict[State, int]:
        """Return the number of jobs in each state."""
        return self._database.counts()

    def positions(self) -> dict[str, int]:
        """Return how many jobs come before each queued one, if nothing else is submitted."""
        with self._database.transaction() as connection:
            waiting = in_turn(connection)
        running = self.counts()[State.RUNNING]
        return {job_id: running + number for number, (job_id, _) in enumerate(waiting)}

    def submit(self, job: StoredJob, digest: str) -> tuple[StoredJob, bool]:
        """Accept a job that is on the disk, unless its owner submitted the same before.

        Args:
            job: The job, in the state ``queued``.
            digest: SHA-256 of its content.

        Returns:
            The job, and whether it is new. A former one that failed is queued again.
        """
        key = content_key(job.owner, digest, job.options)
        with self._database.transaction() as connection:
            row = connection.execute(f"{SELECT} WHERE content_key=?", (key,)).fetchone()
            if row is None:
                _insert(connection.execute, job, key)
                return job, True
            former = job_of(row)
            if former.state is State.FAILED:
                connection.execute(_AGAIN, (self._clock(), former.id))
                former = replace(former, state=State.QUEUED, error="", attempts=0)
            return former, False

    def receive(self, job: StoredJob) -> None:
        """Accept the first image of a series, in the state ``received``."""
        with self._database.transaction() as connection:
            _insert(connection.execute, job, None)

    def touch(self, job_id: str, was_released: bool) -> bool:
        """Record that an image of a series arrived or its association ended.

        Args:
            job_id: The job.
            was_released: Whether the association has ended in order.

        Returns:
            Whether the series is still arriving.
        """
        return self._change(job_id, State.RECEIVED, was_released=was_released)

    def of_series(self, owner: str, series: str) -> list[StoredJob]:
        """Return the jobs of a DICOM series from one sender, the oldest first."""
        return self._database.select("WHERE series=? AND owner=? ORDER BY sequence", series, owner)

    def complete(self, job_id: str, digest: str) -> tuple[StoredJob, bool]:
        """Queue a series that has arrived, unless the same was queued before.

        Args:
            job_id: The job, in the state ``received``.
            digest: SHA-256 of its content.

        Returns:
            The job, and whether it is new; one that is not was removed from the queue.
        """
        with self._database.transaction() as connection:
            arrived = job_of(connection.execute(f"{SELECT} WHERE id=?", (job_id,)).fetchone())
            key = content_key(arrived.owner, digest, arrived.options)
            row = connection.execute(f"{SELECT} WHERE content_key=?", (key,)).fetchone()
            if row is None:
                connection.execute(
                    "UPDATE jobs SET state='queued', content_key=?, updated=? WHERE id=?",
                    (key, self._clock(), job_id),
                )
                return replace(arrived, state=State.QUEUED), True
            connection.execute("DELETE FROM jobs WHERE id=?", (job_id,))
            former = job_of(row)
            if former.state is State.FAILED:
                connection.execute(_AGAIN, (self._clock(), former.id))
                former = replace(former, state=State.QUEUED, error="")
            return former, False

    def claim(self) -> StoredJob | None:
        """Take the next job from the queue; None if none is due."""
        now = self._clock()
        with self._database.transaction() as connection:
            due = in_turn(connection, now)
            if not due:
                return None
            job_id, owner = due[0]
            take_turn(connection, owner)
            connection.execute(
                "UPDATE jobs SET state='running', started=?, updated=? WHERE id=?",
                (now, now, job_id),
            )
        return self.find(job_id)

    def next_queued(self) -> StoredJob | None:
        """Return the job that :meth:`claim` would take now, and leave it in the queue."""
        with self._database.transaction() as connection:
            due = in_turn(connection, self._clock())
        return self.find(due[0][0]) if due else None

    def finish(self, job_id: str, facts: ResultFacts, forward: bool = False) -> bool:
        """Record that the result of a running job is on the disk.

        Args:
            job_id: The job.
            facts: Summary of the result.
            forward: Whether to forward the result.

        Returns:
            Whether the job was running; False if it was deleted meanwhile.
        """
        state = State.FORWARDING if forward else State.DONE
        return self._change(
            job_id,
            State.RUNNING,
            state=state,
            verdict=facts.verdict,
            found=facts.found,
            wanted=facts.wanted,
            seconds=facts.seconds,
            attempts=0,
            not_before=0,
            error="",
        )

    def fail(self, job_id: str, error: str, seconds: float = 0.0) -> bool:
        """Record that a running job failed for good; return whether it was running."""
        return self._change(job_id, State.RUNNING, state=State.FAILED, error=error, seconds=seconds)

    def postpone(self, job: StoredJob, seconds: float, reason: str) -> bool:
        """Try the current step of a running or forwarding job again later.

        Returns:
            Whether the job was still in that state.
        """
        after = State.QUEUED if job.state is State.RUNNING else State.FORWARDING
        return self._change(
            job.id,
            job.state,
            state=after,
            attempts=job.attempts + 1,
            not_before=self._clock() + seconds,
            error=reason,
        )

    def forwarding_due(self) -> list[StoredJob]:
        """Return the jobs whose results can be forwarded now, the oldest first."""
        return self._database.select(
            "WHERE state='forwarding' AND not_before<=? ORDER BY sequence", self._clock()
        )

    def forwarded(self, job_id: str) -> bool:
        """Record that a result reached its destination; return whether it was being sent."""
        return self._change(job_id, State.FORWARDING, state=State.FORWARDED, error="", attempts=0)

    def retry(self, job_id: str) -> bool:
        """Forward a stuck result at once; return whether it was being sent."""
        return self._change(job_id, State.FORWARDING, not_before=0)

    def delete(self, job_id: str) -> StoredJob | None:
        """Delete a job in any state; return it, or None if there is none."""
        with self._database.transaction() as connection:
            row = connection.execute(f"{SELECT} WHERE id=?", (job_id,)).fetchone()
            connection.execute("DELETE FROM jobs WHERE id=?", (job_id,))
        return None if row is None else job_of(row)

    def expired(self, seconds: float) -> list[StoredJob]:
        """Return the jobs that ended longer ago than some seconds."""
        states = ", ".join(f"'{state}'" for state in ENDED)
        before = self._clock() - seconds
        return self._database.select(f"WHERE state IN ({states}) AND updated<?", before)

    def recover(self) -> list[StoredJob]:
        """Requeue the jobs that a process was working on when it ended, and return them.

        A job during which very many processes ended has probably ended them, for example by taking
        all memory; it fails.
        """
        running = self.in_state(State.RUNNING)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state='failed', error=?, updated=? "
                "WHERE state='running' AND interruptions>=?",
                (_INTERRUPTED, self._clock(), _MOST_INTERRUPTIONS),
            )
            connection.execute(
                "UPDATE jobs SET state='queued', not_before=0, interruptions=interruptions+1 "
                "WHERE state='running'"
            )
        return running

    def _change(self, job_id: str, before: State, **values: object) -> bool:
        values["updated"] = self._clock()
        assignments = ", ".join(f"{name}=?" for name in values)
        with self._database.transaction() as connection:
            changed = connection.execute(
                f"UPDATE jobs SET {assignments} WHERE id=? AND state=?",
                (*values.values(), job_id, before),
            )
            return changed.rowcount == 1


def _insert(execute: Callable[..., object], job: StoredJob, key: str | None) -> None:
    execute(
        "INSERT INTO jobs (id, owner, state, name, options, content_key, created, updated, series) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            job.owner,
            job.state,
            job.name,
            json.dumps(job.options, sort_keys=True),
            key,
            job.created,
            job.updated,
            job.series,
        ),
    )
