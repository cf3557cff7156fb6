"""Measurements as CSV, JSON or Markdown files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from amcnet.io import check_output, find_extension
from amcnet.measurement import Measurement, row_of
from amcnet.measurement.measurement_rows import MeasurementRow, Value
from amcnet.report.summary_table import csv_of, plain_markdown
from amcnet.workflows.measure import FileMeasurements
from amcnet.workflows.outcome import Outcome
from amcnet.workflows.output_files import TABLE_EXTENSIONS, write_text

_AXES = ("scan", "lateral", "depth")
_DECIMALS = 3

Outcomes = Sequence[Outcome[FileMeasurements]]


def write_measurements_csv(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write one row per structure; sizes of absent structures are empty cells.

    The centroid takes three columns (scan, lateral, depth). Columns for the growth end exist if the
    table has epiphyses with a known bone. Numbers have three decimals.

    Raises:
        OutputError: If the file cannot be written.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.measurement import measure_structures
        >>> labels = np.ones((4, 4, 4), np.uint8)
        >>> sizes = measure_structures(labels, (1.0, 1.0, 1.0), LabelTable.from_names(["femur"]))
        >>> write_measurements_csv(Path("sizes.csv"), sizes)
        >>> Path("sizes.csv").read_text().splitlines()[0][:10]
        'label,name'
    """
    write_text(path, _csv([row_of(measurement) for measurement in measurements]))


def write_file_measurements(path: str | Path, files: Outcomes, overwrite: bool = False) -> None:
    """Write the measurements of several files as one table, in the format of the extension.

    ``.csv`` and ``.md`` have one row per structure and file, without the files that failed; sizes
    of absent structures are empty cells. ``.json`` has ``files`` (each with ``spacing_mm`` and
    ``structures``, sizes null if absent) and ``failed`` (each with its ``error``).

    Args:
        path: The table, see :data:`TABLE_EXTENSIONS`.
        files: Outcomes of :func:`amcnet.workflows.measure_files`.
        overwrite: Replace an existing file.

    Raises:
        OutputError: If the file cannot be written.

    Example:
        >>> bone = Measurement(1, "femur", present=True, voxels=125, volume_mm3=125.0)
        >>> files = [Outcome(Path("a.nrrd"), FileMeasurements((bone,), (1.0, 1.0, 1.0)))]
        >>> write_file_measurements("volumes.json", files)
        >>> json.loads(Path("volumes.json").read_text())["files"][0]["structures"][0]["volume_mm3"]
        125.0
    """
    path = check_output(path, overwrite, TABLE_EXTENSIONS)
    write_text(path, _TEXTS[find_extension(path, TABLE_EXTENSIONS) or ""](files))


def _rows_of(measured: FileMeasurements) -> list[MeasurementRow]:
    """Return the rows of a file, without confidence: label files have none."""
    rows = [row_of(measurement) for measurement in measured.measurements]
    for row in rows:
        del row["confidence"]
    return rows


def _table_rows(files: Outcomes) -> list[MeasurementRow]:
    rows: list[MeasurementRow] = []
    for file in files:
        if file.result is not None:
            name: MeasurementRow = {"file": str(file.source)}
            rows += [name | row for row in _rows_of(file.result)]
    return rows


def _columns(rows: Sequence[MeasurementRow]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _csv(rows: Sequence[MeasurementRow]) -> str:
    columns = _columns(rows)
    cells = ([row.get(column) for column in columns] for row in rows)
    return csv_of(columns, cells, decimals=_DECIMALS)


def _csv_of_files(files: Outcomes) -> str:
    return _csv(_table_rows(files))


def _markdown(files: Outcomes) -> str:
    rows = _table_rows(files)
    columns = _columns(rows)
    lines = [columns, ["---"] * len(columns)]
    lines += [[_text(row.get(column)) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _json(files: Outcomes) -> str:
    measured = [
        {
            "file": str(file.source),
            "spacing_mm": dict(zip(_AXES, file.result.spacing_mm, strict=True)),
            "structures": _rows_of(file.result),
        }
        for file in files
        if file.result is not None
    ]
    failed = [{"file": str(f.source), "error": f.error} for f in files if f.error is not None]
    return json.dumps({"files": measured, "failed": failed}, indent=1, allow_nan=False) + "\n"


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{_DECIMALS}f}" if isinstance(value, float) else plain_markdown(str(value))


_TEXTS: dict[str, Callable[[Outcomes], str]] = {
    ".csv": _csv_of_files,
    ".json": _json,
    ".md": _markdown,
}
