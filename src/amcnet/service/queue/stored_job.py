"""A study in the queue: what is known about it, and the states that it goes through."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What has happened to a study.

    ``received`` -> ``queued`` -> ``running`` -> ``done`` or ``failed``; a study whose result is
    sent on goes from ``running`` to ``forwarding`` and then to ``forwarded``.
    """

    RECEIVED = "received"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    FORWARDING = "forwarding"
    FORWARDED = "forwarded"


ENDED = (State.DONE, State.FAILED, State.FORWARDED)
"""States that nothing follows; studies in them are deleted when their retention time is over."""

WITH_RESULT = (State.DONE, State.FORWARDING, State.FORWARDED)
"""States of a study whose result is on the disk."""


@dataclass(frozen=True)
class StoredJob:
    """One study in the queue.

    Attributes:
        id: Name of the study in addresses, logs and folders; random, so that nobody can guess it.
        owner: Who submitted it, and the only one who may read it.
        state: What has happened to it.
        name: Name of its volume in the input folder; it may name a patient, so it is never logged.
        options: What the submitter asked for, as JSON holds it.
        created: When it was accepted, in seconds since 1970.
        updated: When its state last changed, or its last image arrived.
        started: When it was taken from the queue; None before.
        seconds: Time that the work took; None before its end.
        attempts: How often the current step was tried in vain.
        not_before: When the current step may be tried again.
        error: Why it failed, or why its current step has to be tried again; mostly empty.
        verdict: ``ok``, ``look`` or ``bad``; empty where there is none.
        found: Number of structures that were found; None without a result.
        wanted: Number of structures that were looked for; None without a result.
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
    """What the queue keeps of a result, for lists; the result itself is a file.

    Attributes:
        verdict: ``ok``, ``look`` or ``bad``; empty where there is none.
        found: Number of structures that were found.
        wanted: Number of structures that were looked for.
        seconds: Time that the work took.
    """

    verdict: str
    found: int
    wanted: int
    seconds: float
