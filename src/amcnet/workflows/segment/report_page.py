"""The report page of a segmentation."""

from dataclasses import replace
from functools import partial

from amcnet.errors import OutputError, in_words
from amcnet.inference import Segmentation
from amcnet.io.images import read_volume
from amcnet.parallel import in_background
from amcnet.quality import QualityReport, add_image_findings
from amcnet.report import Contents, Subject, page_html
from amcnet.report.page import draw_pictures
from amcnet.workflows.output_files import write_text
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.provenance import making_of_segmentation


def write_report_page(
    job: Job,
    options: SegmentOptions,
    result: Segmentation,
    quality: QualityReport,
    write_seconds: float,
) -> QualityReport:
    """Write the report page of a volume, after its labels.

    Args:
        job: The volume; its ``report`` is the page.
        options: Segmentation options.
        result: All labels found.
        quality: The quality report.
        write_seconds: Time spent writing the labels.

    Returns:
        The quality report, including findings about the image.

    Raises:
        OutputError: If the page cannot be written.
    """
    page = job.report
    if page is None:
        return quality
    try:
        # The volume is read again, because keeping it would take memory while the network runs.
        axes = result.geometry.axes
        reading = in_background(
            partial(read_volume, job.source, axes, options.series, options.spacing_mm)
        )
        subject = Subject(
            result.labels, result.spacing_mm, result.table, confidence=result.confidence
        )
        measurements = subject.measure()
        making = making_of_segmentation(job, options, result, write_seconds)
        image = reading.result().array
        quality = add_image_findings(quality, image)
        views = replace(subject, image=image).views()
        del reading, image  # pictures need additional memory
        pictures = draw_pictures(views, quality)
        title = f"Segmentation of {job.source.name}"
        contents = Contents(title, result.notice, quality, measurements, pictures, making)
        write_text(page, page_html(contents))
    except Exception as problem:
        why = in_words(problem, page, job.source)
        raise OutputError(f"{why} (the labels are written, their report is not)") from None
    return quality
