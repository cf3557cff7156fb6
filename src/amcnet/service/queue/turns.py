"""Order of the jobs: submitters take turns, so that one with many volumes does not block others.

A submitter is the user of a token or the AE title of a DICOM sender. Whoever was served longest ago
comes first, with the oldest job. Turns are stored apart from the jobs, so that deleting
jobs does not change whose turn it is.
"""

import sqlite3

TABLE = """
CREATE TABLE IF NOT EXISTS turns (owner TEXT PRIMARY KEY, turn INTEGER NOT NULL);
"""
_ORDER = """
SELECT id, jobs.owner FROM jobs LEFT JOIN turns ON turns.owner = jobs.owner
WHERE state = 'queued' AND not_before <= ?
ORDER BY row_number() OVER (PARTITION BY jobs.owner ORDER BY sequence),
  coalesce(turn, 0), min(sequence) OVER (PARTITION BY jobs.owner)
"""
_TAKE = """
INSERT INTO turns (owner, turn) SELECT ?, coalesce(max(turn), 0) + 1 FROM turns WHERE true
ON CONFLICT (owner) DO UPDATE SET turn = excluded.turn
"""
_EVER = float("inf")


def in_turn(connection: sqlite3.Connection, now: float = _EVER) -> list[tuple[str, str]]:
    """Return the queued jobs in the order in which they are worked on.

    Args:
        connection: The database of the queue.
        now: Leaves out jobs that may only be tried again later, in seconds since 1970.

    Returns:
        Pairs of a job's id and its owner.
    """
    return connection.execute(_ORDER, (now,)).fetchall()


def take_turn(connection: sqlite3.Connection, owner: str) -> None:
    """Record that it was a submitter's turn."""
    connection.execute(_TAKE, (owner,))
