"""The result of one job as files, in texts without the server's folders."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.errors import InputError
from amcnet.io import Reading
from amcnet.io.atomic_files import write_atomically
from amcnet.service.job_options import JobOptions
from amcnet.service.queue.job_folders import JobFolders
from amcnet.service.queue.stored_job import StoredJob
from amcnet.workflows.segment.options import Job

LABELS_FILE = "labels.seg.nrrd"
DICOM_FILE = "labels.dcm"
REPORT_FILE = "report.html"
DICOM_REPORT_FILE = "report.dcm"
PROBABILITIES_FILE = "labels.probabilities.npy"
_RESULT_FILE = "result.json"
_TABLE_FILE = "table.json"


@dataclass(frozen=True)
class StoredResult:
    """A result that was read back.

    Attributes:
        event: The ``result`` event of ``amcnet segment --progress json``.
        labels: The label table of the model that made it.
    """

    event: dict[str, Any]
    labels: list[dict[str, Any]]


def volume_of(job: StoredJob, folders: JobFolders) -> Path:
    """Return the volume of a job."""
    return folders.input(job.id) / job.name


def reading_of(options: JobOptions, axes: str) -> Reading:
    """Return how the volume of a finished job is read again.

    Args:
        options: Options of the job.
        axes: Interpretation of its x, y and z.
    """
    return Reading(options.spacing_mm, axes, options.series, options.colour)


def task_of(job: StoredJob, source: Path, folder: Path, report: bool, dicom: bool) -> Job:
    """Return the inputs and outputs of a job.

    Args:
        job: The job.
        source: Its volume.
        folder: Folder for the result.
        report: Whether the report page is wanted.
        dicom: Whether a DICOM segmentation is wanted.
    """
    return Job(
        source=source,
        target=folder / LABELS_FILE,
        also=folder / DICOM_FILE if dicom else None,
        report=folder / REPORT_FILE if report else None,
    )


def store_result(folder: Path, event: Mapping[str, Any], labels: list[dict[str, Any]]) -> None:
    """Write verdict, findings and sizes next to the labels.

    Raises:
        OutputError: If it cannot be written.
    """
    for name, content in ((_RESULT_FILE, dict(event)), (_TABLE_FILE, labels)):
        write_atomically(folder / name, json.dumps(content, allow_nan=False))


def load_result(job_id: str, folders: JobFolders) -> StoredResult:
    """Read verdict, findings and sizes of a job.

    Raises:
        InputError: If it no longer exists.
    """
    folder = folders.output(job_id)
    try:
        event = json.loads((folder / _RESULT_FILE).read_text(encoding="utf-8"))
        labels = json.loads((folder / _TABLE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"job {job_id}: its result cannot be read, was it deleted?") from error
    return StoredResult(event, labels)


def without_folders(text: str, *folders: Path) -> str:
    """Return a text in which files are named without the server's folders.

    >>> without_folders("/data/jobs/1/input/a.nrrd: is empty", Path("/data/jobs/1/input"))
    'a.nrrd: is empty'
    """
    for folder in folders:
        for separator in ("/", "\\"):
            text = text.replace(f"{folder}{separator}", "")
        text = text.replace(str(folder), "the input")
    return text


def scrubbed(values: Mapping[str, Any], *folders: Path) -> dict[str, Any]:
    """Return an event in which files are named without the server's folders."""

    def clean(value: Any) -> Any:  # noqa: ANN401  anything that JSON holds
        if isinstance(value, str):
            return without_folders(value, *folders)
        if isinstance(value, list):
            return [clean(one) for one in value]
        return {key: clean(one) for key, one in value.items()} if isinstance(value, dict) else value

    return {key: clean(value) for key, value in values.items()}
