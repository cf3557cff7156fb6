"""The OpenAPI description of the service."""

from typing import Any

from amcnet.io import LABEL_EXTENSIONS
from amcnet.service.job_options import JobOptions
from amcnet.service.protocol import PROTOCOL, PROTOCOL_HEADER, SHA256_HEADER
from amcnet.service.queue.stored_job import State
from amcnet.version import __version__

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_JOB = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_FORMAT = {
    "name": "format",
    "in": "query",
    "description": "File type of the labels.",
    "schema": {"type": "string", "enum": [one.removeprefix(".") for one in LABEL_EXTENSIONS]},
}
_JOB_ID = {
    "name": "job_id",
    "in": "path",
    "required": True,
    "description": "The job's id.",
    "schema": {"type": "string"},
}
_PROBLEMS = {
    "400": "A field, or the client's protocol version, is not the expected one.",
    "401": "No accepted token.",
    "404": "No such job, or it belongs to somebody else.",
    "409": "The job has no result, or not yet.",
    "413": "The upload is too large.",
    "507": "The disk is full; accepted jobs continue.",
}


def openapi_document() -> dict[str, Any]:
    """Return the description, as JSON holds it (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "amcnet serve",
            "version": __version__,
            "summary": f"Protocol {PROTOCOL}. Research software, not a medical device.",
        },
        "security": [{"token": []}, {}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Job": _job_schema(), "Error": _error_schema()},
        },
    }


def _paths() -> dict[str, Any]:
    job = "/jobs/{job_id}"
    return {
        "/": {"get": _operation("Versions and capabilities.", {"200": _OBJECT})},
        "/openapi.json": {"get": _operation("This description.", {"200": _OBJECT})},
        "/queue": {"get": _operation("The queue, for the status page.", {"200": _OBJECT}, "401")},
        "/jobs": {
            "get": _operation("Your jobs, the latest first.", {"200": _OBJECT}, "401"),
            "post": _submission(),
        },
        job: {
            "get": _for_job("The state of a job.", {"200": _JOB}),
            "delete": _for_job("Delete a job with all its files.", {"204": None}),
        },
        f"{job}/events": {
            "get": _for_job(
                "Follow a job: server-sent events with the lines of --progress json.",
                {"200": {"text/event-stream": {"schema": {"type": "string"}}}},
            )
        },
        f"{job}/result": {"get": _for_job("Verdict, findings and sizes.", {"200": _OBJECT}, "409")},
        f"{job}/labels": {
            "get": _for_job("The labels as one file.", {"200": _BYTES}, "400", "409")
            | {"parameters": [_JOB_ID, _FORMAT, _seg_type()]}
        },
        f"{job}/masks": {
            "get": _for_job("A zip with a mask of every structure.", {"200": _BYTES}, "400", "409")
            | {"parameters": [_JOB_ID, _FORMAT]}
        },
        f"{job}/report": {
            "get": _for_job(
                "The report page.", {"200": {"text/html": {"schema": {"type": "string"}}}}, "409"
            )
        },
        f"{job}/probabilities": {
            "get": _for_job("Probabilities of all classes (.npy).", {"200": _BYTES}, "409")
        },
        f"{job}/retry": {"post": _for_job("Forward a stuck result at once.", {"202": _JOB}, "409")},
        **_training_paths(),
    }


def _training_paths() -> dict[str, Any]:
    training = "/trainings/{training_id}"

    def operation(summary: str, answers: dict[str, Any], *problems: str) -> dict[str, Any]:
        described = _operation(summary, answers, "401", "404", *problems)
        identifier = _JOB_ID | {"name": "training_id", "description": "The training's id."}
        return described | {"parameters": [identifier, *described["parameters"]]}

    submission = _operation(
        "Train on a data set: a zip of dataset.json, imagesTr and labelsTr.",
        {"201": _OBJECT},
        *("400", "401", "404", "413", "507"),
    )
    fields = [
        {"name": name, "in": "query", "required": True, "description": text, "schema": schema}
        for name, text, schema in (
            ("name", "Name of the data set.", {"type": "string"}),
            ("minutes", "Time limit of the training.", {"type": "number"}),
        )
    ]
    since = {
        "name": "since",
        "in": "query",
        "description": "Number of events that are already known.",
        "schema": {"type": "integer"},
    }
    shown = operation("State, error and progress of a training.", {"200": _OBJECT}, "400")
    model = {"200": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
    return {
        "/trainings": {
            "get": _operation("Your trainings, the latest first.", {"200": _OBJECT}, "401", "404"),
            "post": submission
            | {
                "parameters": [*fields, *submission["parameters"]],
                "requestBody": {"required": True, "content": _BYTES},
            },
        },
        training: {
            "get": shown | {"parameters": [since, *shown["parameters"]]},
            "delete": operation("End a training and delete its files.", {"204": None}),
        },
        f"{training}/pause": {
            "post": operation("Pause a training after its current step.", {"202": _OBJECT})
        },
        f"{training}/resume": {"post": operation("Resume a paused training.", {"202": _OBJECT})},
        f"{training}/model": {"get": operation("The trained model, a zip.", model, "409")},
    }


def _operation(summary: str, answers: dict[str, Any], *problems: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses: dict[str, Any] = {
        status: {"description": summary} | ({} if content is None else {"content": content})
        for status, content in answers.items()
    }
    for status in problems:
        responses[status] = {"description": _PROBLEMS[status], "content": error}
    header = {
        "name": PROTOCOL_HEADER,
        "in": "header",
        "description": "The client's protocol version; it must be the server's.",
        "schema": {"type": "string"},
    }
    return {"summary": summary, "parameters": [header], "responses": responses}


def _for_job(summary: str, answers: dict[str, Any], *problems: str) -> dict[str, Any]:
    operation = _operation(summary, answers, "401", "404", *problems)
    return operation | {"parameters": [_JOB_ID, *operation["parameters"]]}


def _submission() -> dict[str, Any]:
    schemas = JobOptions.model_json_schema()["properties"]
    fields = [
        {"name": name, "in": "query", "schema": schema, "style": "form", "explode": False}
        for name, schema in schemas.items()
    ]
    own = [
        {
            "name": "name",
            "in": "query",
            "required": True,
            "description": "File name of the volume; its extension states the format.",
            "schema": {"type": "string"},
        },
        {
            "name": "archive",
            "in": "query",
            "description": "The body is a zip with several files, of which 'name' is the volume.",
            "schema": {"type": "string", "enum": ["zip"]},
        },
        {
            "name": SHA256_HEADER,
            "in": "header",
            "description": "SHA-256 of the body; a damaged upload is refused.",
            "schema": {"type": "string"},
        },
    ]
    summary = "Submit a volume. The same content with the same options is one job (200)."
    problems = ("400", "401", "413", "507")
    operation = _operation(summary, {"201": _JOB, "200": _JOB}, *problems)
    return operation | {
        "parameters": [*own, *fields, *operation["parameters"]],
        "requestBody": {"required": True, "content": _BYTES},
    }


def _seg_type() -> dict[str, Any]:
    return {
        "name": "seg_type",
        "in": "query",
        "description": "Kind of a DICOM segmentation.",
        "schema": {"type": "string", "enum": ["binary", "labelmap"]},
    }


def _job_schema() -> dict[str, Any]:
    text, number = {"type": ["string", "null"]}, {"type": ["number", "null"]}
    return {
        "type": "object",
        "required": ["id", "state", "created"],
        "properties": {
            "id": {"type": "string"},
            "state": {"type": "string", "enum": [str(state) for state in State]},
            "name": {"type": "string"},
            "options": {"type": "object"},
            "created": {"type": "string", "format": "date-time"},
            "updated": {"type": "string", "format": "date-time"},
            "started": text,
            "seconds": number,
            "verdict": text,
            "found": number,
            "wanted": number,
            "error": text,
            "attempts": {"type": "integer"},
            "next_attempt": text,
            "position": number,
            "came_by": {"type": "string", "enum": ["http", "dicom"]},
        },
    }


def _error_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "One sentence."}},
    }
