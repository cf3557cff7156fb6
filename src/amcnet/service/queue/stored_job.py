"""A job in the queue: its facts and its states."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """State of a job.

    ``received`` -> ``queued`` -> ``running`` -> ``done`` or ``failed``; a job whose result is
    forwarded goes from ``running`` to ``forwarding`` and then to ``forwarded``.
    """

    RECEIVED = "received"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    FORWARDING = "forwarding"
    FORWARDED = "forwarded"


ENDED = (State.DONE, State.FAILED, State.FORWARDED)
"""Final states; jobs in them are deleted when their retention time is over."""

WITH_RESULT = (State.DONE, State.FORWARDING, State.FORWARDED)
"""States of a job whose result is on the disk."""


@dataclass(frozen=True)
class StoredJob:
    """One job in the queue.

    Attributes:
        id: Name of the job in addresses, logs and folders; random, so that nobody can guess it.
        owner: Its submitter, the only user who may read it.
        state: Its state.
        name: Name of its volume in the input folder; it may name a patient, so it is never logged.
        options: Options of the submitter, as plain data for JSON.
        created: When it was accepted, in seconds since 1970.
        updated: When its state last changed, or its last image arrived.
        started: When it was taken from the queue; None before.
        seconds: Duration of the work; None before its end.
        attempts: Number of failed attempts at the current step.
        not_before: Time of the next attempt at the current step.
        error: Why it failed, or why its current step must be retried; usually empty.
        verdict: ``ok``, ``look`` or ``bad``; empty where there is none.
        found: Number of structures found; None without a result.
        wanted: Number of requested structures; None without a result.
        series: UID of the DICOM series that arrives; empty for uploads.
        was_released: Whether the sender ended its last DICOM association in order.
    """

    id: str
    owner: str
    state: State
    name: str
    options: dict[str, Any]
    created: float
    updated: float
    started: float | None = None
    seconds: float | None = None
    attempts: int = 0
    not_before: float = 0.0
    error: str = ""
    verdict: str = ""
    found: int | None = None
    wanted: int | None = None
    series: str = ""
    was_released: bool = False


@dataclass(frozen=True)
class ResultFacts:
    """Summary of a result for lists; the result itself is a file.

    Attributes:
        verdict: ``ok``, ``look`` or ``bad``; empty where there is none.
        found: Number of structures that were found.
        wanted: Number of structures that were looked for.
        seconds: Duration of the work.
    """

    verdict: str
    found: int
    wanted: int
    seconds: float
