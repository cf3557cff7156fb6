"""Additional outputs: report pages and a second label file, checked in advance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io import LABEL_EXTENSIONS, check_output, find_extension, is_same_file, make_folder
from amcnet.io.dicom import is_dicom
from amcnet.workflows.output_files import PAGE_EXTENSIONS
from amcnet.workflows.segment.options import Job


def with_report_pages(jobs: Sequence[Job], report: Path, overwrite: bool = False) -> list[Job]:
    """Assign a report page to every volume.

    Args:
        jobs: The volumes.
        report: The page of a single volume, or a folder for one ``NAME.html`` per volume. A new
            folder is created in an existing parent.
        overwrite: Replace existing pages.

    Raises:
        OutputError: If a page cannot be written, is an input or shared by two volumes.
    """
    is_page = find_extension(report, PAGE_EXTENSIONS) is not None and not report.is_dir()
    if is_page and len(jobs) > 1:
        raise OutputError(f"{report}: is the name of a file, expected a folder for {len(jobs)}")
    if is_page:
        planned = [replace(job, report=report) for job in jobs]
    else:
        make_folder(report)
        planned = [replace(job, report=report / f"{_name(job.target)}.html") for job in jobs]
    taken: dict[str, Path] = {}
    for job in planned:
        page = check_output(job.report or report, overwrite, PAGE_EXTENSIONS)
        if any(is_same_file(page, other.source) for other in jobs):
            raise OutputError(f"{page}: is an input too, expected another name")
        name = str(page).casefold()
        if name in taken:
            raise OutputError(f"{page}: would be written for {taken[name]} and {job.source}")
        taken[name] = job.source
    return planned


def with_second_file(jobs: Sequence[Job], also: Path, overwrite: bool = False) -> Job:
    """Assign a second label file to a single volume.

    Raises:
        OutputError: If there are several volumes, or the file cannot be written, is the input or
            the output, or is DICOM while the volume is not.
    """
    if len(jobs) != 1:
        raise OutputError(f"{also}: is one file, expected one volume but found {len(jobs)}")
    check_output(also, overwrite, LABEL_EXTENSIONS)
    job = jobs[0]
    if also.absolute() == job.target.absolute() or is_same_file(also, job.source):
        raise OutputError(f"{also}: is also the input or the output, expected another name")
    if find_extension(also, (".dcm",)) and not is_dicom(job.source):
        raise OutputError(f"{also}: {job.source} is not DICOM, expected another output")
    return replace(job, also=also)


def _name(target: Path) -> str:
    """Return the name of an output without its extension."""
    extension = find_extension(target, LABEL_EXTENSIONS) or ""
    return target.name[: len(target.name) - len(extension)]
