"""Server-sent events: the events of a job, until it ends."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.responses import StreamingResponse

from amcnet.service.http.http_context import HttpContext
from amcnet.service.queue.stored_job import WITH_RESULT, State, StoredJob
from amcnet.service.work.job_output import load_result
from amcnet.workflows.segment.events import PROTOCOL

_POLL_SECONDS = 0.2
_ALIVE_SECONDS = 15.0
_EVENT_NUMBER = re.compile(r"[0-9]{1,15}")


class EventStream(StreamingResponse):
    """The events of ``amcnet segment --progress json``, and ``state`` for each new state.

    The last event is ``result``, ``error`` or ``deleted``.

    Args:
        context: The parts of the service.
        job_id: The job.
        last_seen: Number of the last event that a browser has seen, if it reconnects.
    """

    media_type = "text/event-stream"

    def __init__(self, context: HttpContext, job_id: str, last_seen: str | None) -> None:
        self._context, self._job_id = context, job_id
        seen = int(last_seen) if last_seen and _EVENT_NUMBER.fullmatch(last_seen) else 0
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(self._events(seen), headers=headers)

    async def _events(self, seen: int) -> AsyncIterator[bytes]:
        shown: tuple[State | None, int | None] = (None, None)
        quiet = 0.0
        while True:
            job, position = await run_sync(self._look)
            news = self._context.feed.after(self._job_id, seen)
            for number, event in news:
                seen = number
                yield _line(event, number)
            if job is None:
                yield _line({"event": "deleted"})
                return
            if (job.state, position) != shown:
                shown = job.state, position
                yield _line({"event": "state", "state": str(job.state), "position": position})
                news = [(seen, {})]
            final = await run_sync(self._final, job)
            if final is not None:
                yield _line(final)
                return
            quiet = 0.0 if news else quiet + _POLL_SECONDS
            if quiet >= _ALIVE_SECONDS:
                quiet = 0.0
                yield b": alive\n\n"
            await anyio.sleep(_POLL_SECONDS)

    def _look(self) -> tuple[StoredJob | None, int | None]:
        queue = self._context.desk.queue
        job = queue.find(self._job_id)
        is_queued = job is not None and job.state is State.QUEUED
        return job, queue.positions().get(self._job_id) if is_queued else None

    def _final(self, job: StoredJob) -> dict[str, Any] | None:
        if job.state is State.FAILED:
            return {"event": "error", "volume": 1, "volumes": 1, "input": job.name,
                    "message": job.error, "interrupted": False}  # fmt: skip
        if job.state in WITH_RESULT:
            return load_result(job.id, self._context.desk.folders).event
        return None


def _line(event: dict[str, Any], number: int | None = None) -> bytes:
    data = json.dumps({"protocol": PROTOCOL} | event, allow_nan=False)
    prefix = "" if number is None else f"id: {number}\n"
    return f"{prefix}data: {data}\n\n".encode()
