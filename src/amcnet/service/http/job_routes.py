"""The routes of jobs: submit, follow, fetch, delete."""

from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from amcnet.errors import ConfigError
from amcnet.labelmaps.selection import find_structures
from amcnet.service.access_tokens import may_read, sees_all
from amcnet.service.http.event_stream import EventStream
from amcnet.service.http.http_context import (
    context_of,
    iso_time,
    job_of_request,
    json_answer,
    owner_of,
)
from amcnet.service.http.uploads import (
    ArchiveLimits,
    check_announced_size,
    checked_name,
    receive_upload,
    unpack,
)
from amcnet.service.job_options import options_from_query
from amcnet.service.queue.stored_job import WITH_RESULT, State, StoredJob
from amcnet.service.work.job_output import PROBABILITIES_FILE, REPORT_FILE, load_result

_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-popups"
)
_UNPACKED = "upload.zip"


def described(job: StoredJob, position: int | None = None, name: bool = True) -> dict[str, Any]:
    """Return the description of a job, as JSON holds it.

    Args:
        job: The job.
        position: Number of jobs before it, if it is queued.
        name: Whether to give its name and why it failed: both may name a patient.
    """
    values: dict[str, Any] = {
        "id": job.id,
        "state": str(job.state),
        "created": iso_time(job.created),
        "updated": iso_time(job.updated),
        "started": iso_time(job.started),
        "seconds": None if job.seconds is None else round(job.seconds, 2),
        "verdict": job.verdict or None,
        "found": job.found,
        "wanted": job.wanted,
        "attempts": job.attempts,
        "next_attempt": iso_time(job.not_before) if job.attempts else None,
        "position": position,
        "came_by": "dicom" if job.series else "http",
    }
    if name:
        values |= {"name": job.name, "options": job.options, "error": job.error or None}
    return values


def _with_position(request: Request, job: StoredJob) -> dict[str, Any]:
    queue = context_of(request).desk.queue
    return described(job, queue.positions().get(job.id) if job.state is State.QUEUED else None)


async def submit(request: Request) -> Response:
    """Accept a volume."""
    context, owner = context_of(request), owner_of(request)
    fields = [(name, value) for name, value in request.query_params.multi_items()]
    names = [value for name, value in fields if name == "name"]
    archives = [value for name, value in fields if name == "archive"]
    if len(names) != 1 or archives not in ([], ["zip"]):
        raise ConfigError("name: expected the name of the volume's file once, archive: only 'zip'")
    name = checked_name(names[0])
    options = options_from_query([field for field in fields if field[0] not in ("name", "archive")])
    if options.only:
        find_structures(context.model.table, options.only)  # refuse now, not after the work
    folders = context.desk.folders
    await check_announced_size(request, context.most_bytes, folders.check_room)
    with folders.new_incoming() as incoming:
        is_packed = archives == ["zip"]
        path = incoming / (_UNPACKED if is_packed else name)
        digest = await receive_upload(request, path, context.most_bytes, folders.check_room)
        if is_packed:
            limits = ArchiveLimits(context.most_bytes)
            await run_sync(unpack, path, incoming, limits, folders.check_room)
            if not (incoming / name).is_file():
                raise ConfigError(f"name: the archive does not contain '{name}'")
        values = options.model_dump(mode="json")
        job, is_new = await run_sync(
            context.desk.submit, incoming, name, owner, values, f"{digest} {name.lower()}"
        )
    answer = _with_position(request, job)
    return json_answer(answer, 201 if is_new else 200, Location=f"/jobs/{job.id}")


def list_jobs(request: Request) -> Response:
    """List the user's jobs, the latest first."""
    owner, queue = owner_of(request), context_of(request).desk.queue
    positions = queue.positions()
    return json_answer(
        {"jobs": [described(job, positions.get(job.id)) for job in queue.listed(owner)]}
    )


def show_queue(request: Request) -> Response:
    """Return what the status page shows: all jobs for the operator, else the user's own."""
    context, owner = context_of(request), owner_of(request)
    jobs = context.desk.queue.listed(None if sees_all(owner) else owner)
    positions = context.desk.queue.positions()
    rows = [
        described(job, positions.get(job.id), may_read(owner, job))
        | {"readable": may_read(owner, job)}
        for job in jobs
    ]
    counts = {str(state): count for state, count in context.desk.queue.counts().items()}
    return json_answer({"owner": owner, "counts": counts, "jobs": rows})


def show_job(request: Request) -> Response:
    """Return the description of a job."""
    return json_answer(_with_position(request, job_of_request(request)))


async def follow(request: Request) -> Response:
    """Send the events of a job as server-sent events."""
    job = await run_sync(job_of_request, request)
    return EventStream(context_of(request), job.id, request.headers.get("last-event-id"))


def _finished(request: Request) -> StoredJob:
    job = job_of_request(request)
    if job.state is State.FAILED:
        raise HTTPException(409, job.error)
    if job.state not in WITH_RESULT:
        raise HTTPException(409, f"the job is {job.state}, it has no result yet")
    return job


def show_result(request: Request) -> Response:
    """Send verdict, findings and sizes."""
    job = _finished(request)
    return json_answer(load_result(job.id, context_of(request).desk.folders).event)


def _extension(request: Request, default: str) -> str:
    return "." + request.query_params.get("format", default).lower().removeprefix(".")


def send_labels(request: Request) -> Response:
    """Send the labels as one file."""
    job, extension = _finished(request), _extension(request, "seg.nrrd")
    seg_type = request.query_params.get("seg_type", "binary")
    path = context_of(request).formats.labels(job, extension, seg_type)
    return _file(path, f"labels{extension}")


def send_masks(request: Request) -> Response:
    """Send a zip archive with a mask of every structure."""
    job, extension = _finished(request), _extension(request, "nii.gz")
    return _file(context_of(request).formats.masks(job, extension), "masks.zip")


def send_report(request: Request) -> Response:
    """Send the report page."""
    job = _finished(request)
    path = context_of(request).desk.folders.output(job.id) / REPORT_FILE
    if not path.is_file():
        raise HTTPException(404, "no report was requested: submit the volume with report=true")
    headers = {"Content-Security-Policy": _REPORT_POLICY}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)


def send_probabilities(request: Request) -> Response:
    """Send the probabilities of all classes."""
    job = _finished(request)
    path = context_of(request).desk.folders.output(job.id) / PROBABILITIES_FILE
    if not path.is_file():
        raise HTTPException(
            404, "no probabilities were requested: submit the volume with probabilities=true"
        )
    return _file(path, "probabilities.npy")


def _file(path: Path, name: str) -> Response:
    return FileResponse(path, media_type="application/octet-stream", filename=name)


def delete(request: Request) -> Response:
    """Delete a job with all its files."""
    job = job_of_request(request)
    context_of(request).desk.delete(job.id)
    request.app.state.views.forget(job.id)
    return Response(status_code=204)


def retry(request: Request) -> Response:
    """Forward a stuck result at once."""
    job = job_of_request(request)
    if not context_of(request).retry(job.id):
        raise HTTPException(409, f"the job is {job.state}, expected one that is being forwarded")
    return json_answer(_with_position(request, job), 202)
