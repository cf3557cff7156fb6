"""Showing and storing evaluations, and finding what names the labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcnet.anatomy import LabelTable
from amcnet.bundle import find_model, read_description
from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.bundle.locate import installed_folders
from amcnet.data import LabelNames, read_label_file
from amcnet.io import atomic_path
from amcnet.metrics import Preset, headline, preset_columns

if TYPE_CHECKING:
    from rich.table import Table


def find_label_table(source: str | Path) -> LabelTable:
    """Return the structures that a source names, see :func:`find_label_names`."""
    return find_label_names(source).table


def find_label_names(source: str | Path) -> LabelNames:
    """Return what a data set's description or a model says of the label values.

    Args:
        source: A ``dataset.json``, the folder of a model bundle, its ``model.json``, or the name of
            an installed model.

    Raises:
        InputError: If the file is missing or unusable.
        ModelError: If the model is missing or unusable.
    """
    path = Path(source)
    if path.name == DESCRIPTION_FILE:
        return LabelNames(read_description(path.parent).label_table)
    if path.is_dir() or (not path.exists() and str(source) in installed_folders()):
        return LabelNames(read_description(find_model(source)).label_table)
    return read_label_file(path)


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write an evaluation; it never holds NaN or Infinity."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def summary_table(result: dict[str, Any]) -> "Table":
    """Return the figures of the preset as a table for the terminal.

    Args:
        result: What :func:`amcnet.workflows.evaluate_pair` or
            :func:`amcnet.workflows.evaluate_folders` returns; several cases get a row each.
    """
    from rich.table import Table

    preset = Preset(result["preset"])
    columns, cases = preset_columns(preset), result.get("cases", {})
    shown = Table("", *columns)
    for name, case in cases.items():
        marked = name if case["prediction"] is not None else f"{name} (no prediction)"
        shown.add_row(marked, *_cells(headline(case, preset)["all"]))
    if cases:
        shown.add_section()
    for group, figures in result["headline"].items():
        shown.add_row(f"mean, {group}" if cases else group, *_cells(figures))
    return shown


def _cells(figures: dict[str, float | None]) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in figures.values()]
