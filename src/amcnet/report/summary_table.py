"""A table of figures and its three forms: Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.errors import InputError, OutputError
from amcnet.io import atomic_path, find_extension

Cell = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: Its name in CSV and JSON.
        heading: Its heading in Markdown.
        format: How Markdown shows its floating-point numbers; CSV and JSON keep all digits.
    """

    key: str
    heading: str
    format: str = ".3f"


@dataclass(frozen=True)
class SummaryTable:
    """A table of figures.

    Attributes:
        title: What it shows.
        columns: Its columns.
        rows: Cells in the order of the columns; None is a value that does not exist.
        notes: What a reader must know, one sentence each. CSV has no room for them.

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
    """Return a table as Markdown, its columns aligned in the text too."""
    shown = [[_plain(column.heading) for column in table.columns]]
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
    lines = [f"## {_plain(table.title)}", "", line(shown[0]), line(rule)]
    lines += [line(cells) for cells in shown[1:]]
    if table.notes:
        lines += ["", *(f"- {' '.join(note.split())}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def csv_text(table: SummaryTable) -> str:
    """Return a table as CSV: keys, then rows; what does not exist is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    writer.writerows(table.rows)
    return text.getvalue()


def json_text(table: SummaryTable) -> str:
    """Return a table as JSON: ``title``, ``notes`` and ``rows``, each row by its keys."""
    data: dict[str, Any] = {
        "title": table.title,
        "notes": list(table.notes),
        "rows": table.records(),
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[SummaryTable], str]] = {
    ".md": markdown,
    ".csv": csv_text,
    ".json": json_text,
}
TABLE_EXTENSIONS = tuple(_WRITERS)


def write_table(path: Path, table: SummaryTable) -> None:
    """Write a table as what its file name says: ``.md``, ``.csv`` or ``.json``.

    Raises:
        OutputError: If the extension is another, or the file cannot be written.
    """
    extension = find_extension(path, TABLE_EXTENSIONS)
    if extension is None:
        allowed = " ".join(TABLE_EXTENSIONS)
        raise OutputError(f"{path}: unknown file type '{path.suffix}', expected one of {allowed}")
    with atomic_path(path) as temporary:
        temporary.write_text(_WRITERS[extension](table), encoding="utf-8", newline="")


def _is_numeric(table: SummaryTable, index: int) -> bool:
    return any(isinstance(row[index], int | float) for row in table.rows)


def _shown(cell: Cell, number_format: str) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:{number_format}}"
    return _plain(str(cell))


def _plain(text: str) -> str:
    """Keep names from ending a cell or a line of Markdown."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
