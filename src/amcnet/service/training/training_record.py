"""A training on the server: its facts and its states."""

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from amcnet.errors import InputError


class TrainingState(StrEnum):
    """State of a training.

    ``queued`` -> ``running`` -> ``done`` or ``failed``. A training that is paused finishes its
    step first: ``running`` -> ``pausing`` -> ``paused``; resumed, it is ``queued`` again.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"


IDLE = (TrainingState.PAUSED, TrainingState.DONE, TrainingState.FAILED)
"""States in which nothing happens; trainings in them are deleted after the retention time."""


@dataclass(frozen=True)
class TrainingRecord:
    """One training.

    Attributes:
        id: Its name in addresses, logs and folders; random, so that nobody can guess it.
        owner: Its submitter, the only user who may read it.
        name: Name of the data set; it may name a patient, so it is never logged.
        state: Its state.
        minutes: Time limit of the training.
        digest: SHA-256 of the upload, by which a repeated one is recognised.
        created: When it was accepted, in seconds since 1970.
        updated: When its state last changed.
        error: Why it failed; usually empty.
    """

    id: str
    owner: str
    name: str
    state: TrainingState
    minutes: float
    digest: str
    created: float
    updated: float
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        return asdict(self)


def read_record(text: str) -> TrainingRecord:
    """Return the record in a JSON text.

    Raises:
        InputError: If the text is none.

    Example:
        >>> queued = TrainingState.QUEUED
        >>> record = TrainingRecord("a1", "anna", "wrists", queued, 30.0, "", 0.0, 0.0)
        >>> read_record(json.dumps(record.to_json())) == record
        True
    """
    try:
        values = json.loads(text)
        known = {field.name: values[field.name] for field in fields(TrainingRecord)}
        return TrainingRecord(**known | {"state": TrainingState(known["state"])})
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"the record of a training is damaged ({error})") from error
