"""A table of figures and its three forms: Markdown, CSV and JSON."""

import csv
import html
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from amcnet.errors import InputError

Cell = str | int | float | None

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
_TAG_OR_ENTITY = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: Name in CSV and JSON.
        heading: Heading in Markdown.
        format: Format of floating-point numbers in Markdown; CSV and JSON keep all digits.
    """

    key: str
    heading: str
    format: str = ".3f"


@dataclass(frozen=True)
class SummaryTable:
    """A table of figures.

    Attributes:
        title: Title of the table.
        columns: Its columns.
        rows: Cells in the order of the columns; None for a value that does not exist.
        notes: Explanations, one sentence each; omitted in CSV.

    Raises:
        InputError: If a row has more or fewer cells than there are columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(
                    f"table '{self.title}': a row has {len(row)} cells, "
                    f"expected {len(self.columns)}"
                )

    def records(self) -> list[dict[str, Cell]]:
        """Return each row by the keys of the columns."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]


def markdown(table: SummaryTable) -> str:
    """Return a table as Markdown, with columns also aligned in the source."""
    shown = [[plain_markdown(column.heading) for column in table.columns]]
    shown += [
        [_shown(cell, column.format) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    widths = [max(3, *(len(line[i]) for line in shown)) for i in range(len(table.columns))]
    right = [_is_numeric(table, i) for i in range(len(table.columns))]

    def line(cells: list[str]) -> str:
        aligned = (
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(cells, widths, right, strict=True)
        )
        return "| " + " | ".join(aligned) + " |"

    rule = [
        "-" * (w - 1) + ":" if numeric else "-" * w
        for w, numeric in zip(widths, right, strict=True)
    ]
    lines = [f"## {plain_markdown(table.title)}", "", line(shown[0]), line(rule)]
    lines += [line(cells) for cells in shown[1:]]
    if table.notes:
        lines += ["", *(f"- {_without_markup(' '.join(note.split()))}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def csv_text(table: SummaryTable) -> str:
    """Return a table as CSV: keys, then rows; a missing value is an empty cell.

    Example:
        >>> table = SummaryTable("t", (Column("name", "name"), Column("n", "n")), (("=A1", -2),))
        >>> print(csv_text(table), end="")
        name,n
        '=A1,-2
    """
    return csv_of([column.key for column in table.columns], table.rows)


def csv_of(keys: Sequence[str], rows: Iterable[Sequence[Cell]], decimals: int | None = None) -> str:
    """Return keys and rows as CSV that spreadsheets open safely.

    A text that a spreadsheet would take for a formula (it begins with = + - @, also of full
    width, a tab or a carriage return) gets a leading apostrophe; numbers stay numbers. Control
    characters appear as escape codes. A missing value is an empty cell, a truth value ``yes`` or
    ``no``.

    Args:
        keys: First line.
        rows: Cells in the order of the keys.
        decimals: Decimals of floating-point numbers; by default all digits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_csv_cell(cell, decimals) for cell in row] for row in rows)
    return text.getvalue()


def _csv_cell(cell: Cell, decimals: int | None) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and decimals is not None:
        return f"{cell:.{decimals}f}"
    if not isinstance(cell, str):
        return cell
    return f"'{escaped(cell)}" if cell.startswith(_FORMULA_STARTS) else escaped(cell)


def escaped(text: str) -> str:
    """Return a text with its control characters, line breaks included, as escape codes.

    Example:
        >>> escaped("red\\x1b[31m")
        'red\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def json_text(table: SummaryTable) -> str:
    """Return a table as JSON: ``title``, ``notes`` and ``rows``, each row by its keys."""
    data: dict[str, Any] = {
        "title": table.title,
        "notes": list(table.notes),
        "rows": table.records(),
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _is_numeric(table: SummaryTable, index: int) -> bool:
    return any(isinstance(row[index], int | float) for row in table.rows)


def _shown(cell: Cell, number_format: str) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:{number_format}}"
    return plain_markdown(str(cell))


def plain_markdown(text: str) -> str:
    """Escape characters that would end a Markdown cell or line, control characters and markup.

    Example:
        >>> plain_markdown("a|b <script>")
        'a\\\\|b &lt;script>'
    """
    text = escaped(" ".join(text.split())).replace("\\", "\\\\").replace("|", "\\|")
    return _without_markup(text)


def _without_markup(text: str) -> str:
    """Return a text in which no HTML, entity, image or link begins; ``p < 0.05`` stays as it is."""
    text = _TAG_OR_ENTITY.sub(lambda match: html.escape(match[0]), text)
    return text.replace("](", "]\\(")
