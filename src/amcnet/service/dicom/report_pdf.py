"""The report of a result as a PDF, for archives that cannot show web pages."""

import base64
import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amcnet.report.fonts import fonts_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_A4_INCHES = (8.27, 11.69)
_LEFT, _TOP, _LINE = 0.08, 0.95, 0.0155
_COLUMNS = 95
_LINES = 57
_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
_SIZES = ("length_mm", "width_mm", "thickness_mm")


def report_pdf(event: Mapping[str, Any], page: str) -> bytes:
    """Return a PDF with verdict, findings, sizes and pictures.

    Args:
        event: The ``result`` event of ``amcnet segment --progress json``.
        page: The report page, from which the pictures are taken.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}), PdfPages(content) as pages:
        for lines in _pages_of(_lines(event)):
            figure = _text_page(lines)
            with fonts_for(figure, "report"):
                pages.savefig(figure)
        for picture in pictures_of(page):
            pages.savefig(_picture_page(picture))
    return content.getvalue()


def pictures_of(page: str) -> list[bytes]:
    """Return the pictures (PNG) of a report page.

    >>> pictures_of('<img src="data:image/png;base64,AAAA">')
    [b'\\x00\\x00\\x00']
    """
    return [base64.b64decode(found) for found in _PICTURE.findall(page)]


def _lines(event: Mapping[str, Any]) -> list[str]:
    findings = [str(finding["message"]) for finding in event.get("findings", [])]
    paragraphs = [
        "Segmentation by amcnet",
        "",
        f"Verdict: {event['verdict'] or 'none'}. {event['found']} of {event['wanted']} structures "
        "were found.",
        *map(str, event["notes"]),
        *str(event["notice"]).splitlines(),
        "",
        *findings,
        "",
        f"{'structure':45}{'length':>9}{'width':>9}{'depth':>9}{'verdict':>9}   (mm)",
    ]
    wrapped = [line for text in paragraphs for line in textwrap.wrap(text, _COLUMNS) or [""]]
    rows = [row for row in event.get("structures", []) if row["present"]]
    return wrapped + [
        f"{str(row['name'])[:44]:45}"
        + "".join(f"{'' if row[key] is None else format(row[key], '.1f'):>9}" for key in _SIZES)
        + f"{row['verdict']!s:>9}"
        for row in rows
    ]


def _pages_of(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(lines), _LINES):
        yield lines[start : start + _LINES]


def _text_page(lines: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=_A4_INCHES)
    for number, line in enumerate(lines):
        place = _TOP - number * _LINE
        figure.text(_LEFT, place, line, family="monospace", size=8, parse_math=False)
    return figure


def _picture_page(picture: bytes) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    figure = Figure(figsize=_A4_INCHES)
    axes = figure.add_axes((0.05, 0.05, 0.9, 0.9))
    axes.imshow(imread(io.BytesIO(picture)))
    axes.set_axis_off()
    return figure
