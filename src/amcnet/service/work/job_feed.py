"""Progress events of the jobs that are being worked on, for clients that follow them."""

import threading
from collections import deque
from typing import Any

_MOST_EVENTS = 512
Event = dict[str, Any]


class JobFeed:
    """Keeps the latest events of each job that is being worked on.

    The events are those of ``amcnet segment --progress json``, see ``docs/progress.md``; they are
    numbered from 1, so that a client can ask for those that it has not seen.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, deque[tuple[int, Event]]] = {}
        self._counts: dict[str, int] = {}

    def add(self, job_id: str, event: Event) -> None:
        """Add an event of a job."""
        with self._lock:
            number = self._counts[job_id] = self._counts.get(job_id, 0) + 1
            self._events.setdefault(job_id, deque(maxlen=_MOST_EVENTS)).append((number, event))

    def after(self, job_id: str, number: int) -> list[tuple[int, Event]]:
        """Return the events of a job that came after a numbered one, as far as they are kept."""
        with self._lock:
            return [one for one in self._events.get(job_id, ()) if one[0] > number]

    def end(self, job_id: str) -> None:
        """Forget the events of a job that has ended."""
        with self._lock:
            self._events.pop(job_id, None)
            self._counts.pop(job_id, None)
