"""The HTML of a report page, from a Jinja2 template that escapes every value."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from amcnet.measurement import Measurement
from amcnet.quality import SEVERITY_COLOR_RGB, QualityReport, Severity
from amcnet.report.summary_table import escaped
from amcnet.short_repr import short_repr

if TYPE_CHECKING:
    from jinja2 import Environment

SEVERITY_MEANING = {
    Severity.OK: "nothing needs a look",
    Severity.LOOK: "a person should look at it",
    Severity.BAD: "a person must look at it",
}
_NONE = "-"
_SIZES = ("volume, mm³", "length, mm", "width, mm", "thickness, mm", "surface, mm²")


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        png: The picture as PNG.
        alt: Alternative text for readers who cannot see it.
        caption: Text below the picture.

    Example:
        >>> Picture(b"\\x89PNG...", alt="a hand from above", caption="Overview").caption
        'Overview'
    """

    png: bytes
    alt: str
    caption: str
    __repr__ = short_repr


@dataclass(frozen=True)
class Contents:
    """Contents of a report page.

    Attributes:
        title: Heading.
        notice: Notice to every reader; may be empty.
        quality: The quality check.
        measurements: Size of every structure, in the order of the table.
        pictures: In the order of the page.
        making: Provenance of the segmentation: name -> value.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> quality = QualityReport((), LabelTable.from_names(["liver"]), (1,))
        >>> contents = Contents("Scan 7", "", quality, (), (), {"model": "mine"})
        >>> contents.making["model"]
        'mine'
    """

    title: str
    notice: str
    quality: QualityReport
    measurements: tuple[Measurement, ...]
    pictures: tuple[Picture, ...]
    making: Mapping[str, str]
    __repr__ = short_repr


@dataclass(frozen=True)
class _Cell:
    text: str
    hint: str = ""


@dataclass(frozen=True)
class _Row:
    label: int
    name: str
    color_rgb: tuple[int, int, int]
    present: bool
    severity: Severity
    cells: tuple[_Cell, ...]


def page_html(contents: Contents) -> str:
    """Return a report as one HTML document that refers to no other file.

    The page has a content security policy that forbids scripts and any loading. Characters that
    cannot be displayed, such as control characters in names, appear as escape codes.

    Args:
        contents: Contents of the page.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> quality = QualityReport((), LabelTable.from_names(["liver"]), (1,))
        >>> page = page_html(Contents("<b>Scan 7</b>", "", quality, (), (), {"model": "mine"}))
        >>> "<h1>&lt;b&gt;Scan 7&lt;/b&gt;</h1>" in page
        True
    """
    quality, measurements = contents.quality, contents.measurements
    has_ends = any(one.growth_end is not None for one in measurements)
    has_confidence = any(one.confidence is not None for one in measurements)
    heads = ["no.", "structure", "verdict", *_SIZES]
    heads += ["width to shaft"] if has_ends else []
    heads += ["confidence"] if has_confidence else []
    heads += ["predicted Dice"] if quality.predicted_dice else []
    unusual = {
        (finding.structures[0], finding.measure): finding.message
        for finding in quality.findings
        if finding.measure
    }
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=contents,
            quality=quality,
            meaning=SEVERITY_MEANING,
            colors=SEVERITY_COLOR_RGB,
            heads=heads,
            notes=_notes(has_ends, has_confidence, bool(quality.predicted_dice), bool(unusual)),
            rows=[_row(one, quality, unusual, has_ends, has_confidence) for one in measurements],
        )
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("amcnet.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_displayable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["rgb"] = lambda color: "rgb({} {} {})".format(*color)
    environment.globals["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment


def _displayable(value: object) -> object:
    """Replace characters that cannot be displayed by their escape codes."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return escaped(value)


def _notes(
    has_ends: bool, has_confidence: bool, has_prediction: bool, has_unusual: bool
) -> Sequence[str]:
    notes = ["Sizes are along the structure's own axes."]
    if has_ends:
        notes.append("Width to shaft: width of the epiphysis over the width of its shaft's end.")
    if has_confidence:
        notes.append("Confidence: mean probability that the model assigns to the structure.")
    if has_prediction:
        notes.append(
            "Predicted Dice: expected overlap with the truth, from 0 to 1, estimated from scans "
            "whose truth is known."
        )
    if has_unusual:
        notes.append(
            "Underlined: unusual compared with the other bones of this hand or, for an epiphysis, "
            "for its skeletal age."
        )
    return notes


def _row(
    one: Measurement,
    quality: QualityReport,
    unusual: Mapping[tuple[int, str], str],
    has_ends: bool,
    has_confidence: bool,
) -> _Row:
    sizes = (one.volume_mm3, one.length_mm, one.width_mm, one.thickness_mm, one.surface_area_mm2)
    measures = ("volume", "length", "", "", "")
    cells = [
        _Cell(_number(size, 1), unusual.get((one.label, measure), ""))
        for size, measure in zip(sizes, measures, strict=True)
    ]
    if has_ends:
        ratio = None if one.growth_end is None else one.growth_end.width_ratio
        cells.append(_Cell(_number(ratio, 2)))
    if has_confidence:
        cells.append(_Cell(_NONE if one.confidence is None else f"{100 * one.confidence:.0f} %"))
    if quality.predicted_dice:
        cells.append(_Cell(_number(quality.predicted_dice.get(one.label), 2)))
    return _Row(
        label=one.label,
        name=one.name,
        color_rgb=quality.table[one.label].color_rgb,
        present=one.present,
        severity=quality.severity_of(one.label),
        cells=tuple(cells),
    )


def _number(value: float | None, decimals: int) -> str:
    return _NONE if value is None else f"{value:.{decimals}f}"
