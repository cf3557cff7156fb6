"""What is done with every finished segmentation: a verdict in words and, if wanted, a page."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from amcnet.errors import OutputError, in_words
from amcnet.inference import Job, Segmentation, SegmentOptions
from amcnet.io import LABEL_EXTENSIONS, check_output, find_extension, is_same_file, make_folder
from amcnet.io.images import read_volume
from amcnet.parallel import in_background
from amcnet.quality import QualityReport
from amcnet.report.making import making_of_segmentation
from amcnet.report.page import PAGE_EXTENSIONS, Subject, draw_pictures, write_page
from amcnet.report.page_html import Contents
from amcnet.report.verdict import check_quickly, is_hand_table, verdict_text, with_image


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


@dataclass(frozen=True)
class Finisher:
    """Writes what was asked for, checks it, writes its page and says the verdict.

    It is the ``finish`` of :func:`amcnet.inference.segment_files`.

    Attributes:
        options: How the volumes are segmented.
        pages: Output of a volume -> its page, see :func:`plan_pages`.
    """

    options: SegmentOptions
    pages: Mapping[Path, Path] = field(default_factory=dict)

    def __call__(self, job: Job, result: Segmentation, write: Callable[[], None]) -> str:
        """Return the verdict in a line or two; nothing for labels that are not a hand's.

        Raises:
            OutputError: If the labels, or the page, cannot be written.
        """
        page, is_hand = self.pages.get(job.target), is_hand_table(result.table)
        if page is None and not is_hand:
            write()
            return ""
        checking = in_background(partial(check_quickly, result))  # it compresses meanwhile
        started = time.monotonic()
        write()
        seconds = time.monotonic() - started
        quality = checking.result()
        if page is not None:
            try:
                quality = self._write_page(page, job, result, quality, seconds)
            except Exception as problem:
                why = in_words(problem, page, job.source)
                raise OutputError(f"{why} (the labels are written, their report is not)") from None
        return verdict_text(quality) if is_hand else ""

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
        quality = with_image(quality, image)
        views = replace(subject, image=image).views()
        del reading, image  # pictures take memory of their own
        pictures = draw_pictures(views, quality)
        title = f"Segmentation of {job.source.name}"
        write_page(page, Contents(title, result.notice, quality, measurements, pictures, making))
        return quality


def _name(target: Path) -> str:
    """Return the name of an output without its extension."""
    extension = find_extension(target, LABEL_EXTENSIONS) or ""
    return target.name[: len(target.name) - len(extension)]
