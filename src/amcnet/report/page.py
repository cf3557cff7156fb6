"""The report of a segmentation: its check, its measurements and its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.io.predicted_dice import PredictedDice
from amcnet.labelmaps.validation import as_array
from amcnet.measurement import Measurement, measure_structures
from amcnet.quality import SEVERITY_COLOR_RGB, QualityReport, Severity, check_segmentation
from amcnet.report.fonts import fonts_for
from amcnet.report.page_html import SEVERITY_MEANING, Contents, Picture
from amcnet.report.preview import DPI, overview_figure, preview_figure
from amcnet.report.views import HandViews, gather_views
from amcnet.short_repr import short_repr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Subject:
    """A segmentation to report on.

    Attributes:
        labels: Integer labels, (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.
        table: The label table.
        image: Intensities of the same shape; None if unknown.
        confidence: Label value -> mean probability; None if unknown.
        predicted: Predicted Dice coefficients; None if unknown.

    Example:
        >>> labels = np.zeros((8, 8, 8), np.uint8)
        >>> labels[2:6, 2:6, 2:6] = 1
        >>> str(Subject(labels, (1.0, 1.0, 1.0), LabelTable.from_names(["femur"])).check().verdict)
        'ok'
    """

    labels: NDArray[np.integer[Any]]
    spacing_mm: tuple[float, float, float]
    table: LabelTable
    image: NDArray[Any] | None = None
    confidence: Mapping[int, float] | None = None
    predicted: PredictedDice | None = None
    __repr__ = short_repr

    def __post_init__(self) -> None:
        """Take tensors and SimpleITK images too."""
        object.__setattr__(self, "labels", as_array(self.labels))
        if self.image is not None:
            object.__setattr__(self, "image", as_array(self.image))

    def check(self) -> QualityReport:
        """Check the segmentation, see :func:`amcnet.quality.check_segmentation`."""
        return check_segmentation(
            self.labels,
            self.spacing_mm,
            self.table,
            self.confidence,
            self.image,
            self.predicted,
        )

    def measure(self) -> tuple[Measurement, ...]:
        """Measure every structure, see :func:`amcnet.measurement.measure_structures`."""
        return tuple(measure_structures(self.labels, self.spacing_mm, self.table, self.confidence))

    def views(self) -> HandViews:
        """Return the planes that the pictures show, on black if there is no image."""
        image = self.image
        if image is None:
            image = np.broadcast_to(np.uint8(0), self.labels.shape)
        return gather_views(image, self.labels, self.spacing_mm, self.table)


def report_contents(
    subject: Subject, title: str, making: Mapping[str, str], notice: str = ""
) -> Contents:
    """Check, measure and draw a segmentation for its report page.

    Args:
        subject: The segmentation.
        title: Heading, such as the name of the scan.
        making: Provenance: name -> value, one row each.
        notice: Notice to every reader.

    Returns:
        The contents, for :func:`page_html`.

    Raises:
        InputError: If labels, spacing, table and image do not fit each other.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> labels = np.zeros((20, 20, 20), np.uint8)
        >>> labels[5:15, 8:12, 8:12] = 7
        >>> subject = Subject(labels, (1.0, 1.0, 1.0), hand_label_table())
        >>> contents = report_contents(subject, "Scan 7", {"model": "mine"})
        >>> contents.quality.verdict, contents.measurements[6].volume_mm3
        (<Severity.BAD: 2>, 160.0)
    """
    views = subject.views()
    quality = subject.check()
    pictures = draw_pictures(views, quality)
    return Contents(title, notice, quality, subject.measure(), pictures, making)


def draw_pictures(views: HandViews, quality: QualityReport) -> tuple[Picture, ...]:
    """Draw the structures in the colours of the table and, if any needs review, of the verdict."""
    legend = {str(severity): SEVERITY_COLOR_RGB[severity] for severity in Severity}
    meaning = ", ".join(f"{severity}: {SEVERITY_MEANING[severity]}" for severity in Severity)
    named = [value for value in quality.present if quality.severity_of(value) > Severity.OK]
    slices = f"{len(views.slices)} transverse slices"
    pictures = [
        Picture(
            _png(preview_figure(views, quality.table, numbered=True)),
            f"The labelled volume from above, and {slices} with the structures outlined",
            "Structures in the colours and with the numbers of the table below, from above and in "
            "transverse slices; dashed lines show the position of the slices.",
        )
    ]
    if named:
        pictures.append(
            Picture(
                _png(overview_figure(views, quality.colored_table(), legend, named)),
                "The labelled volume from above, each structure in the colour of its verdict; "
                f"{len(named)} of {len(quality.present)} structures need a look",
                f"Structures in the colour of their verdict ({meaning}). Structures that need a "
                "look carry their number in the table below.",
            )
        )
    return tuple(pictures)


def _png(figure: "Figure") -> bytes:
    stream = BytesIO()
    # Without the margins, the hand is larger where the picture is printed.
    with fonts_for(figure, "pictures of the report"):
        figure.savefig(stream, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1)
    return stream.getvalue()
