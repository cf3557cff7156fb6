"""Shared by all routes: the parts of the service, its limits, and answers to errors."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amcnet.errors import AmcnetError, ConfigError, one_line
from amcnet.service.access_tokens import AccessTokens, may_read
from amcnet.service.job_desk import JobDesk
from amcnet.service.protocol import own_headers
from amcnet.service.queue.job_folders import is_full
from amcnet.service.queue.stored_job import StoredJob
from amcnet.service.training.training_desk import TrainingDesk
from amcnet.service.work.job_feed import JobFeed
from amcnet.service.work.result_formats import ResultFormats
from amcnet.service.work.service_model import ModelFacts

INSUFFICIENT_STORAGE = 507
_MOST_CHARACTERS = 1000  # of an error, which may quote the request


@dataclass(frozen=True)
class HttpContext:
    """The parts of a service that its routes use.

    Attributes:
        desk: Accepts jobs.
        trainings: Accepts trainings.
        feed: Their progress events.
        formats: Writes results in other formats.
        tokens: Who may use the service.
        model: Facts of the loaded model.
        most_bytes: Largest upload.
        keep_hours: How long jobs are kept after their end.
        dicom: AE title and port of the DICOM node, if there is one.
        forward: Destination of results, if any.
        loopback_port: Port, if only the service's own machine may reach it; else None.
        retry: Retries a stuck result at once.
    """

    desk: JobDesk
    trainings: TrainingDesk
    feed: JobFeed
    formats: ResultFormats
    tokens: AccessTokens
    model: ModelFacts
    most_bytes: int
    keep_hours: float
    dicom: str | None = None
    forward: str | None = None
    loopback_port: int | None = None
    retry: Callable[[str], bool] = field(default=lambda job_id: False)


def context_of(request: Request) -> HttpContext:
    """Return the parts of the service for a request."""
    context: HttpContext = request.app.state.context
    return context


def owner_of(request: Request) -> str:
    """Return the user who makes a request.

    Raises:
        HTTPException: If it has no accepted token.
    """
    owner = request.state.owner
    if not isinstance(owner, str):
        raise HTTPException(
            401,
            "this server needs a token: found none that it accepts, expected the header "
            "'Authorization: Bearer TOKEN' (amcnet segment: --token-file)",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return owner


def job_of_request(request: Request) -> StoredJob:
    """Return the job that a request names, if its user may read it.

    Raises:
        HTTPException: If there is none, or it belongs to another user.
    """
    owner, job_id = owner_of(request), request.path_params["job_id"]
    job = context_of(request).desk.queue.find(job_id)
    if job is None or not may_read(owner, job):
        raise HTTPException(404, "there is no such job, it may have been deleted")
    return job


def answer_error(request: Request, error: Exception) -> Response:
    """Return the answer to an error: one sentence in JSON, with a fitting status."""
    if isinstance(error, HTTPException):
        return _told(error.status_code, str(error.detail), error.headers)
    if is_full(error):
        text = str(error) if isinstance(error, AmcnetError) else "the server's disk is full"
        return _told(INSUFFICIENT_STORAGE, text, {"Retry-After": "60"})
    if isinstance(error, ConfigError):
        return _told(400, str(error))
    if isinstance(error, AmcnetError):
        return _told(422, str(error))
    if isinstance(error, sqlite3.Error | OSError):
        return _told(503, "the server cannot use its disk at the moment, try again later")
    return _told(500, "an unforeseen error occurred in the server, see its log")


def _told(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    all_headers = own_headers() | dict(headers or {})
    return JSONResponse({"error": one_line(text)[:_MOST_CHARACTERS]}, status, headers=all_headers)


def json_answer(values: Any, status: int = 200, **headers: str) -> Response:  # noqa: ANN401
    """Return an answer in JSON that must not be cached."""
    return JSONResponse(values, status, headers={"Cache-Control": "no-store"} | headers)


def iso_time(seconds: float | None) -> str | None:
    """Return seconds since 1970 as a time in UTC, in ISO 8601."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
