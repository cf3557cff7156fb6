"""The report of a segmentation: one HTML page that needs no other file."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.io import atomic_path
from amcnet.measurement import Measurement, measure_structures
from amcnet.quality import SEVERITY_COLOR_RGB, QualityReport, Severity, check_segmentation
from amcnet.report.page_html import SEVERITY_WORDS, Contents, Picture, page_html
from amcnet.report.preview import DPI, overview_figure, preview_figure
from amcnet.report.verdict import region_of_labels, with_image
from amcnet.report.views import Views, gather_views

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_EXTENSIONS = (".html", ".htm")


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about.

    Attributes:
        labels: Integer labels, (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
        table: What the labels mean.
        image: Grey values of the same shape; None where they are not known.
        confidence: Label value -> mean probability; None where it is not known.
    """

    labels: NDArray[np.integer[Any]]
    spacing_mm: tuple[float, float, float]
    table: LabelTable
    image: NDArray[Any] | None = None
    confidence: Mapping[int, float] | None = None

    def check(self) -> QualityReport:
        """Return the verdict, see :func:`amcnet.quality.check_segmentation`."""
        labels = self.labels[region_of_labels(self.labels)]
        quality = check_segmentation(labels, self.spacing_mm, self.table, self.confidence)
        return quality if self.image is None else with_image(quality, self.image)

    def measure(self) -> tuple[Measurement, ...]:
        """Return the size of every structure; places are within the box of all structures."""
        labels = self.labels[region_of_labels(self.labels)]
        return tuple(measure_structures(labels, self.spacing_mm, self.table, self.confidence))

    def views(self) -> Views:
        """Return what pictures show; without an image, on black."""
        image = self.image
        if image is None:
            image = np.broadcast_to(np.uint8(0), self.labels.shape)
        return gather_views(image, self.labels, self.spacing_mm, self.table)


def write_report(
    path: Path, subject: Subject, title: str, making: Mapping[str, str], notice: str = ""
) -> QualityReport:
    """Write verdict, pictures, structures with their sizes, and how all of it was made.

    Args:
        path: The page; it appears whole or not at all.
        subject: What it is about.
        title: Heading, such as the name of the scan.
        making: How it was made: name -> value, one row each.
        notice: What every reader must know.

    Returns:
        The verdict on the page.

    Raises:
        InputError: If labels, spacing, table and image do not fit each other.
        OutputError: If the file cannot be written.
    """
    views = subject.views()
    quality = subject.check()
    pictures = draw_pictures(views, quality)
    write_page(path, Contents(title, notice, quality, subject.measure(), pictures, making))
    return quality


def write_page(path: Path, contents: Contents) -> None:
    """Write a page whose contents are ready; it appears whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(page_html(contents), encoding="utf-8")


def draw_pictures(views: Views, quality: QualityReport) -> tuple[Picture, ...]:
    """Draw the hand in the colours of its labels, and in those of the verdict."""
    legend = {str(severity): SEVERITY_COLOR_RGB[severity] for severity in Severity}
    meaning = ", ".join(f"{severity}: {SEVERITY_WORDS[severity]}" for severity in Severity)
    named = [value for value in quality.present if quality.severity_of(value) > Severity.OK]
    slices = f"{len(views.slices)} transverse slices"
    return (
        Picture(
            _png(preview_figure(views, quality.table)),
            f"The labelled hand from above, and {slices} of it with the structures outlined",
            "Structures in the colours of the table below, from above and in transverse slices; "
            "dashed lines show where these are.",
        ),
        Picture(
            _png(overview_figure(views, quality.colored_table(), legend, named)),
            f"The labelled hand from above, each structure in the colour of its verdict; "
            f"{len(named)} of {len(quality.present)} structures need a look",
            f"Structures in the colour of their verdict ({meaning}). Those that need a look carry "
            "their number in the table below.",
        ),
    )


def _png(figure: "Figure") -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()
