"""The application: all routes of the service, behind the gatekeeper."""

import sqlite3
from typing import Any, get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from amcnet.errors import AmcnetError
from amcnet.inference.quality_presets import Quality
from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS
from amcnet.service.http import job_routes, page_routes, training_routes
from amcnet.service.http.browser_sessions import BrowserSessions
from amcnet.service.http.gatekeeper import Gatekeeper
from amcnet.service.http.http_context import (
    HttpContext,
    answer_error,
    context_of,
    json_answer,
)
from amcnet.service.http.openapi_document import openapi_document
from amcnet.service.http.uploads import ARCHIVE
from amcnet.service.protocol import PROTOCOL
from amcnet.service.queue.job_folders import NoRoomError
from amcnet.version import __version__
from amcnet.workflows.segment.events import PROTOCOL as PROGRESS_PROTOCOL

JOB = "/jobs/{job_id}"
TRAINING = "/trainings/{training_id}"
_ANSWERED: tuple[Any, ...] = (HTTPException, AmcnetError, OSError, sqlite3.Error, Exception)


def show_root(request: Request) -> Response:
    """Return the versions and, for users of the service, its capabilities."""
    if request.headers.get("accept", "").startswith("text/html"):
        return RedirectResponse("/status", 303)
    context = context_of(request)
    values: dict[str, Any] = {
        "service": "amcnet",
        "version": __version__,
        "protocol": PROTOCOL,
        "progress_protocol": PROGRESS_PROTOCOL,
        "needs_token": context.tokens.are_needed,
    }
    if request.state.owner is not None:
        values["capabilities"] = _capabilities(context)
    return json_answer(values)


def _capabilities(context: HttpContext) -> dict[str, Any]:
    try:
        context.desk.folders.check_room()
        refusal = None
    except NoRoomError as error:
        refusal = str(error)
    model = context.model
    return {
        "model": {"name": model.name, "notice": model.notice, "sha256": model.sha256},
        "channels": model.channels,
        "labels": model.labels,
        "inputs": [*IMAGE_EXTENSIONS, ARCHIVE],
        "formats": list(LABEL_EXTENSIONS),
        "qualities": list(get_args(Quality)),
        "most_bytes": context.most_bytes,
        "keep_hours": context.keep_hours,
        "refuses_because": refusal,
        "dicom": context.dicom,
        "forward": context.forward,
        "most_training_minutes": context.trainings.most_minutes,
    }


def show_openapi(request: Request) -> Response:
    """Send the OpenAPI description."""
    return json_answer(openapi_document())


ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/", show_root),
    ("GET", "/openapi.json", show_openapi),
    ("POST", "/jobs", job_routes.submit),
    ("GET", "/jobs", job_routes.list_jobs),
    ("GET", JOB, job_routes.show_job),
    ("DELETE", JOB, job_routes.delete),
    ("GET", f"{JOB}/events", job_routes.follow),
    ("GET", f"{JOB}/result", job_routes.show_result),
    ("GET", f"{JOB}/labels", job_routes.send_labels),
    ("GET", f"{JOB}/masks", job_routes.send_masks),
    ("GET", f"{JOB}/report", job_routes.send_report),
    ("GET", f"{JOB}/probabilities", job_routes.send_probabilities),
    ("POST", f"{JOB}/retry", job_routes.retry),
    ("GET", "/queue", job_routes.show_queue),
    ("POST", "/trainings", training_routes.submit_training),
    ("GET", "/trainings", training_routes.list_trainings),
    ("GET", TRAINING, training_routes.show),
    ("DELETE", TRAINING, training_routes.delete_training),
    ("POST", f"{TRAINING}/pause", training_routes.pause),
    ("POST", f"{TRAINING}/resume", training_routes.resume),
    ("GET", f"{TRAINING}/model", training_routes.send_model),
)


def make_app(context: HttpContext) -> Gatekeeper:
    """Return the application of a service."""
    routes = [Route(path, endpoint, methods=[method]) for method, path, endpoint in ROUTES]
    pages = [
        Route("/status", page_routes.status_page, methods=["GET"]),
        Route("/status/{file}", page_routes.status_file, methods=["GET"]),
        Route("/session", page_routes.begin_session, methods=["POST"]),
        Route(f"{JOB}/view", page_routes.redirect_to_view, methods=["GET"]),
        Route(f"{JOB}/view/", page_routes.view_resource, methods=["GET"]),
        Route(f"{JOB}/view/{{resource}}", page_routes.view_resource, methods=["GET"]),
    ]
    app = Starlette(
        routes=[*routes, *pages],
        exception_handlers=dict.fromkeys(_ANSWERED, _answer),
    )
    app.state.context = context
    app.state.sessions = BrowserSessions()
    app.state.views = page_routes.ResultViews(context.desk.folders)
    return Gatekeeper(app, context.tokens, app.state.sessions, context.loopback_port)


async def _answer(request: Request, error: Exception) -> Response:
    return answer_error(request, error)
