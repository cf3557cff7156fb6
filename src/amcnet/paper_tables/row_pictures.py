"""Pictures of the rows of a table: Dice of every structure as a heat map, and learning curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amcnet.paper_tables.row_results import RowResult
from amcnet.paper_tables.rows import ComparisonTable
from amcnet.paper_tables.table_markdown import finished_rows
from amcnet.workflows import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIGHT = 0.6  # Dice above which a cell is so light that its text is dark


def write_row_pictures(
    name: str, table: ComparisonTable, results: Mapping[str, RowResult], folder: Path
) -> None:
    """Write ``NAME-structures.png`` and, if curves are known, ``NAME-curves.png``.

    Args:
        name: Name of the table.
        table: The rows and their order.
        results: Results of the finished rows.
        folder: Output folder.

    Raises:
        OutputError: If a picture cannot be written.
    """
    figures = {
        "structures": structure_map(table, results),
        "curves": learning_curves(table, results),
    }
    for what, figure in figures.items():
        if figure is not None:
            write_figure(folder / f"{name}-{what}.png", figure)


def structure_map(table: ComparisonTable, results: Mapping[str, RowResult]) -> "Figure":
    """Draw the mean Dice of every structure (down) in every finished row (across).

    Example:
        >>> from amcnet.paper_tables.rows import paper_tables
        >>> structure_map(paper_tables().tables["table1"], {}).axes
        []
    """
    from matplotlib.figure import Figure

    rows = finished_rows(table, results)
    figure = Figure(figsize=(3.4 + 0.75 * len(rows), 8.6), layout="constrained")
    if not rows:
        return figure
    columns = [results[row.row].facts.structure_dice for row in rows]
    names = list(dict.fromkeys(name for column in columns for name in column))
    values = np.array([[column.get(name, np.nan) for column in columns] for name in names])
    axes = figure.add_subplot()
    shown = axes.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    for (down, across), dice in np.ndenumerate(values):
        if np.isfinite(dice):
            color = "black" if dice > _LIGHT else "white"
            axes.text(
                across, down, f"{dice:.2f}", ha="center", va="center", fontsize=6, color=color
            )
    axes.set_xticks(range(len(rows)), labels=[row.title for row in rows], rotation=40, ha="right")
    axes.set_yticks(range(len(names)), labels=names, fontsize=7)
    figure.colorbar(shown, ax=axes, label="mean Dice over the unseen hands", shrink=0.5)
    return figure


def learning_curves(table: ComparisonTable, results: Mapping[str, RowResult]) -> "Figure | None":
    """Draw the held-out Dice of every finished row over the time of its training.

    Returns:
        The figure; None if no row has recorded its curve.
    """
    from matplotlib.figure import Figure

    known = [
        (row.title, points)
        for row in finished_rows(table, results)
        if len(points := [p for p in results[row.row].facts.curve if "dice" in p]) > 1
    ]
    if not known:
        return None
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for title, points in known:
        axes.plot([p["hours"] for p in points], [p["dice"] for p in points], label=title)
    axes.set(xlabel="hours of training", ylabel="mean Dice of the held-out windows", ylim=(0, 1))
    axes.legend(fontsize="small")
    return figure
