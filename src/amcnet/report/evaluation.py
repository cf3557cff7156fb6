"""Evaluating files: read, compare, and show or store the figures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import find_model, read_description
from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.bundle.locate import installed_folders
from amcnet.data import read_label_table
from amcnet.errors import InputError
from amcnet.io import atomic_path, read_labels, same_grid
from amcnet.metrics import evaluate_case

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = {
    "Dice": "dice_macro",
    "Jaccard": "jaccard_macro",
    "recall": "recall_macro",
    "precision": "precision_macro",
    "HD95, mm": "hd95_macro_mm",
    "found": "detection_rate",
}


def find_label_table(source: str | Path) -> LabelTable:
    """Return the label table that a data set's description or a model names.

    Args:
        source: A ``dataset.json``, the folder of a model bundle, its ``model.json``, or the name of
            an installed model.

    Raises:
        InputError: If the file is missing or unusable.
        ModelError: If the model is missing or unusable.
    """
    path = Path(source)
    if path.name == DESCRIPTION_FILE:
        return read_description(path.parent).label_table
    if path.is_dir() or (not path.exists() and str(source) in installed_folders()):
        return read_description(find_model(source)).label_table
    return read_label_table(path)


def evaluate_files(
    reference: Path, prediction: Path, table: LabelTable | None = None
) -> dict[str, Any]:
    """Evaluate one label file against another; see :func:`amcnet.metrics.evaluate_case`.

    Args:
        reference: The truth.
        prediction: What is judged; it must lie on the same grid.
        table: What the labels mean, the hand's where left out.

    Raises:
        InputError: If a file cannot be read, or they lie on different grids.
    """
    table = hand_label_table() if table is None else table
    truth, judged = read_labels(reference, table), read_labels(prediction, table)
    difference = same_grid(truth.geometry, judged.geometry)
    if difference is not None:
        raise InputError(f"{prediction}: does not lie on the grid of {reference}: {difference}")
    return evaluate_case(truth.array, judged.array, truth.spacing_mm, table.num_classes, table)


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write an evaluation; it never holds NaN or Infinity."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def summary_table(result: dict[str, Any]) -> "Table":
    """Return the main figures, in all and by kind, as a table for the terminal."""
    from rich.table import Table

    summary = result["summary"]
    groups = {"all": summary} | summary.get("by_kind", {})
    shown = Table("", *_SHOWN)
    for name, values in groups.items():
        cells = (values.get(key) for key in _SHOWN.values())
        shown.add_row(name, *("-" if value is None else f"{value:.3f}" for value in cells))
    return shown
