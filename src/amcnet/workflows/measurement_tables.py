"""Measurements as CSV, JSON or Markdown files."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from amcnet.io import atomic_path, check_output, find_extension
from amcnet.measurement.rows import Row, Value, row_of
from amcnet.measurement.structures import Measurement
from amcnet.workflows.measure import FileMeasurement

TABLE_EXTENSIONS = (".csv", ".json", ".md")
_AXES = ("scan", "lateral", "depth")


def write_measurements_csv(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write one row a structure; sizes of absent structures are empty cells.

    The centroid takes three columns (scan, lateral, depth). The columns of the growth end are there
    if the table has epiphyses whose bone it tells. Figures have three decimals. The file appears
    whole or not at all.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        _write_csv(file, [row_of(measurement) for measurement in measurements])


def write_file_measurements(
    path: str | Path, files: Sequence[FileMeasurement], overwrite: bool = False
) -> None:
    """Write the measurements of several files as one table, by the extension of ``path``.

    A ``.csv`` and a ``.md`` have one row for each structure of each file; where a structure is
    absent its sizes are empty cells. A ``.json`` has ``files`` (each with its ``spacing_mm`` and
    its ``structures``, sizes null where absent) and ``failed`` (each with its ``error``).

    Args:
        path: The table, see :data:`TABLE_EXTENSIONS`.
        files: What was measured; the tables leave out files that failed.
        overwrite: Replace an existing file.

    Raises:
        OutputError: If the file cannot be written there.
    """
    path = check_output(path, overwrite, TABLE_EXTENSIONS)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        _WRITERS[find_extension(path, TABLE_EXTENSIONS) or ""](file, files)


def _rows_of(file: FileMeasurement) -> list[Row]:
    """Return the rows of a file; nothing that is read from a file has a confidence."""
    rows = [row_of(measurement) for measurement in file.measurements]
    for row in rows:
        del row["confidence"]
    return rows


def _table_rows(files: Sequence[FileMeasurement]) -> list[Row]:
    rows: list[Row] = []
    for file in files:
        name: Row = {"file": str(file.path)}
        rows += [name | row for row in _rows_of(file)]
    return rows


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _write_csv(stream: TextIO, rows: Sequence[Row]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    columns = _columns(rows)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _write_csv_of_files(stream: TextIO, files: Sequence[FileMeasurement]) -> None:
    _write_csv(stream, _table_rows(files))


def _write_markdown(stream: TextIO, files: Sequence[FileMeasurement]) -> None:
    rows = _table_rows(files)
    columns = _columns(rows)
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column)).replace("|", "\\|") for column in columns] for row in rows]
    stream.writelines(f"| {' | '.join(cells)} |\n" for cells in lines)


def _write_json(stream: TextIO, files: Sequence[FileMeasurement]) -> None:
    measured = [
        {
            "file": str(file.path),
            "spacing_mm": dict(zip(_AXES, file.spacing_mm, strict=True)),
            "structures": _rows_of(file),
        }
        for file in files
        if file.spacing_mm is not None
    ]
    failed = [{"file": str(f.path), "error": f.error} for f in files if f.error is not None]
    json.dump({"files": measured, "failed": failed}, stream, indent=1, allow_nan=False)
    stream.write("\n")


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


_WRITERS: dict[str, Callable[[TextIO, Sequence[FileMeasurement]], None]] = {
    ".csv": _write_csv_of_files,
    ".json": _write_json,
    ".md": _write_markdown,
}
