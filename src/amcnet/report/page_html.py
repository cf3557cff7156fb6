"""The parts of a report page as HTML; every text that comes from outside is escaped here."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from amcnet.anatomy import LabelTable
from amcnet.measurement import Measurement
from amcnet.quality import SEVERITY_COLOR_RGB, QualityReport, Severity
from amcnet.report.page_style import STYLE
from amcnet.report.verdict import is_no_hand

SEVERITY_WORDS = {
    Severity.OK: "nothing that needs a look",
    Severity.LOOK: "a person should look at it",
    Severity.BAD: "a person must look at it",
}
_NONE = "-"
# Nothing may be loaded from anywhere, whatever a name in the page says.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_SIZES = ("volume, mm³", "length, mm", "width, mm", "thickness, mm", "surface, mm²")


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        png: The picture.
        alt: What it shows, for those who do not see it.
        caption: What stands below it.
    """

    png: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Contents:
    """What stands on a page.

    Attributes:
        title: Heading.
        notice: What every reader must know, may be empty.
        quality: The verdict.
        measurements: Size of every structure, in the order of the table.
        pictures: In their order.
        making: How it was made: name -> value.
    """

    title: str
    notice: str
    quality: QualityReport
    measurements: tuple[Measurement, ...]
    pictures: tuple[Picture, ...]
    making: Mapping[str, str]


def page_html(contents: Contents) -> str:
    """Return the page, one document that needs nothing else."""
    title, quality = _text(contents.title), contents.quality
    notice = f'<p class="notice">{_text(contents.notice)}</p>' if contents.notice else ""
    parts = [
        f"<h1>{title}</h1>",
        notice,
        "<h2>Quality check</h2>",
        _verdict(quality),
        "<h2>Pictures</h2>",
        *map(_picture, contents.pictures),
        "<h2>Structures</h2>",
        _structures(contents.measurements, quality),
        _unchecked(quality),
        "<h2>How it was made</h2>",
        _making(contents.making),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    """Escape a text; characters that cannot be shown become their codes."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escape("".join(shown))


def _badge(severity: Severity) -> str:
    return f'<span class="badge" style="background: {_rgb(severity)}">{severity}</span>'


def _rgb(severity: Severity) -> str:
    return "rgb({} {} {})".format(*SEVERITY_COLOR_RGB[severity])


def _verdict(quality: QualityReport) -> str:
    count = f"{len(quality.present)} of {len(quality.table)} structures found"
    no_hand = "no hand, " if is_no_hand(quality) else ""
    meaning = SEVERITY_WORDS[quality.verdict]
    line = f'<p id="verdict">{_badge(quality.verdict)} {no_hand}{count}: {meaning}.</p>'
    if not quality.findings:
        return line
    found = "\n".join(
        f"<li>{_badge(finding.severity)} {_text(finding.message)}</li>"
        for finding in quality.findings
    )
    return f'{line}\n<ul class="findings">\n{found}\n</ul>'


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    return (
        f'<figure><img alt="{_text(picture.alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_text(picture.caption)}</figcaption></figure>"
    )


def _structures(measurements: Sequence[Measurement], quality: QualityReport) -> str:
    has_ends = any(one.growth_end is not None for one in measurements)
    has_confidence = any(one.confidence is not None for one in measurements)
    heads = ["no.", "structure", "verdict", *_SIZES]
    heads += ["width to shaft"] if has_ends else []
    heads += ["confidence"] if has_confidence else []
    head = "".join(
        f'<th scope="col"{_word_class(name in ("structure", "verdict"))}>{name}</th>'
        for name in heads
    )
    rows = "\n".join(_row(one, quality, has_ends, has_confidence) for one in measurements)
    notes = ["Sizes are along the structure's own axes."]
    if has_ends:
        notes.append(
            "Width to shaft: width of the epiphysis over that of the shaft's end beside it."
        )
    if has_confidence:
        notes.append("Confidence: mean probability of the structure by the model.")
    return (
        f'<div class="wide"><table id="structures">\n<caption>{" ".join(notes)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _word_class(is_word: bool) -> str:
    return ' class="word"' if is_word else ""


def _row(one: Measurement, quality: QualityReport, has_ends: bool, has_confidence: bool) -> str:
    severity = quality.severity_of(one.label)
    found = "" if one.present else " not found"
    word = _badge(severity) if one.present or severity > Severity.OK else ""
    sizes = (one.volume_mm3, one.length_mm, one.width_mm, one.thickness_mm, one.surface_area_mm2)
    cells = [_number(size, 1) for size in sizes]
    if has_ends:
        cells.append(_number(None if one.growth_end is None else one.growth_end.width_ratio, 2))
    if has_confidence:
        cells.append(_NONE if one.confidence is None else f"{100 * one.confidence:.0f} %")
    numbers = "".join(f"<td>{cell}</td>" for cell in cells)
    absent = "" if one.present else ' class="absent"'
    name = f"{_swatch(quality.table, one.label)}{_text(one.name)}"
    return (
        f'<tr{absent}><td>{one.label}</td><th scope="row">{name}</th>'
        f'<td class="word">{word}{found}</td>{numbers}</tr>'
    )


def _swatch(table: LabelTable, value: int) -> str:
    color = "rgb({} {} {})".format(*table[value].color_rgb)
    return f'<span class="swatch" style="background: {color}"></span>'


def _number(value: float | None, decimals: int) -> str:
    return _NONE if value is None else f"{value:.{decimals}f}"


def _unchecked(quality: QualityReport) -> str:
    if not quality.unchecked:
        return ""
    reasons = "".join(f"<li>{_text(reason)}</li>" for reason in quality.unchecked)
    return f'<h2>Not checked</h2>\n<ul id="unchecked">{reasons}</ul>'


def _making(making: Mapping[str, str]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
        for name, value in making.items()
    )
    return f'<table class="making" id="making">\n<tbody>\n{rows}\n</tbody>\n</table>'
