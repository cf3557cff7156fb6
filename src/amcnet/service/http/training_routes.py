"""Routes of the trainings: submit a data set, follow, pause, resume, fetch the model, delete."""

import math
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from amcnet.bundle.archive import pack_bundle
from amcnet.errors import ConfigError, InputError
from amcnet.io.small_files import read_json
from amcnet.service.http.http_context import context_of, iso_time, json_answer, owner_of
from amcnet.service.http.uploads import (
    ArchiveLimits,
    check_announced_size,
    is_plain_name,
    receive_upload,
    unpack,
)
from amcnet.service.protocol import DATA_SET_FOLDERS
from amcnet.service.training.training_desk import TrainingRequest
from amcnet.service.training.training_record import TrainingRecord, TrainingState
from amcnet.service.work.job_output import without_folders
from amcnet.training.run_paths import BUNDLE_FOLDER

_DESCRIPTION = "dataset.json"
_LISTS = ("dataset", "training")  # keys with which a dataset.json lists files, even elsewhere
_MOST_FILES = 10_000
_FIELDS = ("name", "minutes")
_MOST_DIGITS = 9
_LEAST_MINUTES = 0.05


def describe_training(record: TrainingRecord) -> dict[str, Any]:
    """Return the description of a training, as JSON holds it."""
    return {
        "id": record.id,
        "name": record.name,
        "state": str(record.state),
        "minutes": record.minutes,
        "created": iso_time(record.created),
        "updated": iso_time(record.updated),
        "error": record.error or None,
    }


async def submit_training(request: Request) -> Response:
    """Accept a data set to train on: a zip archive."""
    context, owner = context_of(request), owner_of(request)
    desk = context.trainings
    if not desk.most_minutes:
        raise HTTPException(
            404, "this server does not train models (its administrator: amcnet serve --training)"
        )
    fields = dict(request.query_params.multi_items())
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        raise ConfigError(f"{unknown[0]}: expected one of {', '.join(_FIELDS)}")
    name = fields.get("name", "")
    if not is_plain_name(name):
        raise InputError(f"name: found {name!r}, expected the plain name of a data set")
    minutes = _minutes(fields.get("minutes", ""), desk.most_minutes)
    folders = context.desk.folders
    await check_announced_size(request, context.most_bytes, folders.check_room)
    limits = ArchiveLimits(context.most_bytes, _MOST_FILES, DATA_SET_FOLDERS)
    with folders.new_incoming() as incoming:
        archive = incoming / ".upload.zip"
        digest = await receive_upload(request, archive, context.most_bytes, folders.check_room)
        await run_sync(unpack, archive, incoming, limits, folders.check_room)
        await run_sync(_check_description, incoming / _DESCRIPTION)
        wanted = TrainingRequest(owner, name, minutes, digest)
        record, is_new = await run_sync(desk.accept, incoming, wanted)
    location = f"/trainings/{record.id}"
    return json_answer(describe_training(record), 201 if is_new else 200, Location=location)


def list_trainings(request: Request) -> Response:
    """List the user's trainings, the latest first."""
    owner = owner_of(request)
    own = [
        describe_training(record)
        for record in context_of(request).trainings.all()
        if record.owner == owner
    ]
    return json_answer({"trainings": own[::-1]})


def show(request: Request) -> Response:
    """Return the description of a training, and its events from the number ``since`` on."""
    record, since = _training(request), request.query_params.get("since", "0")
    if not since.isdecimal() or len(since) > _MOST_DIGITS:
        raise ConfigError(f"since: found {since!r}, expected a number of events")
    return json_answer(
        describe_training(record)
        | {"events": context_of(request).trainings.events(record.id, int(since))}
    )


def pause(request: Request) -> Response:
    """Pause a training after its current step."""
    context_of(request).trainings.pause(_training(request).id)
    return json_answer(describe_training(_training(request)), 202)


def resume(request: Request) -> Response:
    """Resume a paused training."""
    context_of(request).trainings.resume(_training(request).id)
    return json_answer(describe_training(_training(request)), 202)


def send_model(request: Request) -> Response:
    """Send the trained model as a zip archive of the files of its bundle."""
    record, desk = _training(request), context_of(request).trainings
    if record.state is TrainingState.FAILED:
        raise HTTPException(409, record.error)
    if record.state is not TrainingState.DONE:
        raise HTTPException(409, f"the training is {record.state}, it has no model yet")
    path = desk.folder(record.id) / "model.zip"
    if not path.is_file():
        pack_bundle(desk.run(record.id) / BUNDLE_FOLDER, path)
    return FileResponse(path, media_type="application/zip", filename="model.zip")


def delete_training(request: Request) -> Response:
    """Delete a training with all its files; a running one ends."""
    context_of(request).trainings.delete(_training(request).id)
    return Response(status_code=204)


def _training(request: Request) -> TrainingRecord:
    """Return the training that a request names, if it belongs to its user.

    Raises:
        HTTPException: If there is none, or it belongs to another user.
    """
    owner = owner_of(request)
    record = context_of(request).trainings.find(request.path_params["training_id"])
    if record is None or record.owner != owner:
        raise HTTPException(404, "there is no such training, it may have been deleted")
    return record


def _minutes(text: str, most: float) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not _LEAST_MINUTES <= minutes <= most:
        raise ConfigError(f"minutes: found {text!r}, expected {_LEAST_MINUTES:g} to {most:g}")
    return minutes


def _check_description(path: Path) -> None:
    """Check that an uploaded data set names no files, which might be other users' files."""
    if not path.is_file():
        raise InputError(f"the archive does not contain {_DESCRIPTION}, expected a data set")
    try:
        found = read_json(path, "the description of a data set")
    except InputError as error:
        raise InputError(without_folders(str(error), path.parent)) from None
    if not isinstance(found, dict) or not isinstance(found.get("labels"), dict):
        raise InputError(f"{_DESCRIPTION} has no 'labels', expected the structures of a data set")
    listed = [key for key in _LISTS if key in found]
    if listed:
        raise InputError(
            f"{_DESCRIPTION} lists its files under '{listed[0]}', expected a data set whose files "
            f"are all those in {' and '.join(DATA_SET_FOLDERS)}, as amcnet dataset add writes it"
        )
