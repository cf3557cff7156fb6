"""What is done with every finished segmentation: a verdict in words and, if wanted, a page."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from amcnet.errors import OutputError, in_words
from amcnet.inference import Segmentation, keep_only
from amcnet.io import LABEL_EXTENSIONS, check_output, find_extension, is_same_file, make_folder
from amcnet.io.dicom import is_dicom
from amcnet.io.images import read_volume
from amcnet.parallel import in_background
from amcnet.quality import (
    QualityReport,
    add_image_findings,
    check_segmentation,
    is_hand_table,
)
from amcnet.report import Contents, Subject, page_html
from amcnet.report.page import draw_pictures
from amcnet.workflows.output_files import PAGE_EXTENSIONS, write_text
from amcnet.workflows.segment.provenance import making_of_segmentation
from amcnet.workflows.segment.run import Job, SegmentOptions


def plan_pages(jobs: Sequence[Job], report: Path, overwrite: bool = False) -> dict[Path, Path]:
    """Give every volume its page, and check them before any work.

    Args:
        jobs: The volumes.
        report: The page of a single volume, or a folder, which gets ``NAME.html`` for each. A
            folder that does not exist is made, its parent has to be there.
        overwrite: Replace existing pages.

    Returns:
        The page for the output of every volume.

    Raises:
        OutputError: If a page cannot be written, is an input, or two volumes share one.
    """
    is_page = find_extension(report, PAGE_EXTENSIONS) is not None and not report.is_dir()
    if is_page and len(jobs) > 1:
        raise OutputError(f"{report}: is the name of a file, expected a folder for {len(jobs)}")
    if is_page:
        pages = {job.target: report for job in jobs}
    else:
        make_folder(report)
        pages = {job.target: report / f"{_name(job.target)}.html" for job in jobs}
    taken: dict[str, Path] = {}
    for job in jobs:
        page = check_output(pages[job.target], overwrite, PAGE_EXTENSIONS)
        if any(is_same_file(page, other.source) for other in jobs):
            raise OutputError(f"{page}: is an input too, expected another name")
        name = str(page).casefold()
        if name in taken:
            raise OutputError(f"{page}: would be written for {taken[name]} and {job.source}")
        taken[name] = job.source
    return pages


def plan_also(jobs: Sequence[Job], also: Path, overwrite: bool = False) -> Path:
    """Check the second file that the labels of a single volume go to, before any work.

    Raises:
        OutputError: If there are several volumes, or the file cannot be written, is the input or
            the output, or is to be DICOM and the volume is not.
    """
    if len(jobs) != 1:
        raise OutputError(f"{also}: is one file, expected one volume and found {len(jobs)}")
    check_output(also, overwrite, LABEL_EXTENSIONS)
    job = jobs[0]
    if also.absolute() == job.target.absolute() or is_same_file(also, job.source):
        raise OutputError(f"{also}: is the input or the output too, expected another name")
    if find_extension(also, (".dcm",)) and not is_dicom(job.source):
        raise OutputError(f"{also}: {job.source} is no DICOM, expected another output")
    return also


@dataclass(frozen=True)
class Finisher:
    """Writes what was asked for, checks it, writes its page and says the verdict.

    It is the ``finish`` of :func:`amcnet.workflows.segment_files`.

    Attributes:
        options: How the volumes are segmented.
        pages: Output of a volume -> its page, see :func:`plan_pages`.
        also: A second file for the labels of a single volume, see :func:`plan_also`.
        tell: Called with (all that was found, its check) of every volume, even where the labels
            are not a hand's.
    """

    options: SegmentOptions
    pages: Mapping[Path, Path] = field(default_factory=dict)
    also: Path | None = None
    tell: Callable[[Segmentation, QualityReport], None] | None = None

    def __call__(self, job: Job, result: Segmentation, write: Callable[[], None]) -> str:
        """Return the verdict in a line or two; nothing for labels that are not a hand's.

        Raises:
            OutputError: If the labels, or the page, cannot be written.
        """
        page, is_hand = self.pages.get(job.target), is_hand_table(result.table)
        if page is None and self.tell is None and not is_hand:
            self._write_labels(result, write)
            return ""
        checking = in_background(  # it compresses meanwhile
            partial(
                check_segmentation,
                result.labels,
                result.spacing_mm,
                result.table,
                result.confidence,
            )
        )
        started = time.monotonic()
        self._write_labels(result, write)
        seconds = time.monotonic() - started
        quality = checking.result()
        if page is not None:
            try:
                quality = self._write_page(page, job, result, quality, seconds)
            except Exception as problem:
                why = in_words(problem, page, job.source)
                raise OutputError(f"{why} (the labels are written, their report is not)") from None
        if self.tell is not None:
            self.tell(result, quality)
        return quality.summary() if is_hand else ""

    def _write_labels(self, result: Segmentation, write: Callable[[], None]) -> None:
        write()
        if self.also is not None:
            only, options = self.options.only, self.options
            wanted = keep_only(result, only) if only else result
            wanted.write(self.also, options.overwrite, options.seg_type)

    def _write_page(
        self,
        page: Path,
        job: Job,
        result: Segmentation,
        quality: QualityReport,
        write_seconds: float,
    ) -> QualityReport:
        # Read anew: to keep the volume while the network runs would take its memory.
        reading = in_background(
            partial(read_volume, job.source, self.options.axes, self.options.series)
        )
        subject = Subject(
            result.labels, result.spacing_mm, result.table, confidence=result.confidence
        )
        measurements = subject.measure()
        making = making_of_segmentation(job, self.options, result, write_seconds)
        image = reading.result().array
        quality = add_image_findings(quality, image)
        views = replace(subject, image=image).views()
        del reading, image  # pictures take memory of their own
        pictures = draw_pictures(views, quality)
        title = f"Segmentation of {job.source.name}"
        contents = Contents(title, result.notice, quality, measurements, pictures, making)
        write_text(page, page_html(contents))
        return quality


def _name(target: Path) -> str:
    """Return the name of an output without its extension."""
    extension = find_extension(target, LABEL_EXTENSIONS) or ""
    return target.name[: len(target.name) - len(extension)]
