"""The pages of the service: its status, and a result in the viewer."""

import threading
from importlib.resources import files
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from amcnet.anatomy import LabelTable
from amcnet.data import LabelNames
from amcnet.service.access_tokens import AccessTokens
from amcnet.service.http.browser_sessions import COOKIE_NAME, BrowserSessions
from amcnet.service.http.http_context import context_of, job_of_request
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.stored_job import WITH_RESULT, StoredJob
from amcnet.service.work.job_output import LABELS_FILE, load_result, reading_of, volume_of
from amcnet.viewer import Resource, page_resources, read_scene

_TYPES = {
    "status.html": "text/html; charset=utf-8",
    "status.css": "text/css; charset=utf-8",
    "status.js": "text/javascript; charset=utf-8",
}
_MOST_VIEWS = 2  # that are kept in memory
_MOST_TOKEN_BYTES = 1000
_TOKEN_SECONDS = 10


def status_page(request: Request) -> Response:
    """Send the status page; it asks for a token if one is needed."""
    return _packaged("status.html")


def status_file(request: Request) -> Response:
    """Send the style or the script of the status page."""
    return _packaged(request.path_params["file"])


def _packaged(name: str) -> Response:
    if name not in _TYPES:
        raise HTTPException(404, "there is no such page")
    content = files("amcnet.service").joinpath(f"web/{name}").read_bytes()
    return Response(content, headers={"Content-Type": _TYPES[name]})


async def begin_session(request: Request) -> Response:
    """Exchange a token in the body of a request for a cookie."""
    body = b""
    with anyio.move_on_after(_TOKEN_SECONDS) as waiting:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_TOKEN_BYTES:
                raise HTTPException(413, "the token is too long")
    if waiting.cancelled_caught:
        raise HTTPException(408, f"the token did not arrive within {_TOKEN_SECONDS} s")
    tokens: AccessTokens = context_of(request).tokens
    owner = tokens.owner_of(body.decode("utf-8", "replace").strip())
    if owner is None:
        raise HTTPException(401, "this token is not accepted")
    sessions: BrowserSessions = request.app.state.sessions
    answer = Response(status_code=204)
    is_secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
    answer.set_cookie(
        COOKIE_NAME, sessions.begin(owner), httponly=True, samesite="strict", secure=is_secure
    )
    return answer


def redirect_to_view(request: Request) -> Response:
    """Redirect to the viewer's page, whose files are below it."""
    return RedirectResponse(f"/jobs/{request.path_params['job_id']}/view/", 307)


async def view_resource(request: Request) -> Response:
    """Send the viewer's page for a result, or a file that it needs."""
    job = await run_sync(job_of_request, request)
    if job.state not in WITH_RESULT:
        raise HTTPException(409, "the job has no result to view")
    views: ResultViews = request.app.state.views
    resources = await run_sync(views.resources, job)
    resource = resources.get(request.path_params.get("resource", ""))
    if resource is None:
        raise HTTPException(404, "there is no such page")
    return Response(resource.body, headers={"Content-Type": resource.content_type})


class ResultViews:
    """Results prepared for the viewer; the latest are kept.

    Args:
        folders: Where the files of the jobs are.
    """

    def __init__(self, folders: JobFolders) -> None:
        self._folders = folders
        self._kept: dict[str, dict[str, Resource]] = {}
        self._lock = threading.Lock()

    def resources(self, job: StoredJob) -> dict[str, Resource]:
        """Return everything that the viewer's page of a result consists of.

        Raises:
            InputError: If the files cannot be read.
        """
        with self._lock:  # one volume in memory is enough
            if job.id not in self._kept:
                while len(self._kept) >= _MOST_VIEWS:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[job.id] = self._read(job)
            return self._kept[job.id]

    def forget(self, job_id: str) -> None:
        """Forget a job."""
        with self._lock:
            self._kept.pop(job_id, None)

    def _read(self, job: StoredJob) -> dict[str, Resource]:
        options, stored = JobOptions(**job.options), load_result(job.id, self._folders)
        names = LabelNames(LabelTable.from_dicts(stored.labels))
        labels: Path = self._folders.output(job.id) / LABELS_FILE
        reading = reading_of(options, str(stored.event["axes"]))
        scene = read_scene(volume_of(job, self._folders), labels, names, reading)
        return page_resources(scene)
