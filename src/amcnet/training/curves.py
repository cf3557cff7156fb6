"""Loss and Dice over a run, as a picture."""

import csv
from pathlib import Path

from amcnet.io import atomic_path

_PANELS = (("loss",), ("dice", "dice_bone", "dice_epiphysis"))


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """Return the rows that all parts of a run have logged, by step; later parts win.

    Args:
        folder: The folder in which each part of the run has a folder with ``metrics.csv``.
    """
    rows: dict[tuple[int, tuple[str, ...]], dict[str, str]] = {}
    parts = folder.glob("version_*/metrics.csv")
    for part in sorted(parts, key=lambda part: int(part.parent.name.removeprefix("version_"))):
        with part.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                filled = {name: value for name, value in row.items() if value}
                rows[int(row["step"]), tuple(sorted(filled))] = filled
    return [rows[key] for key in sorted(rows)]


def write_curves(folder: Path, path: Path) -> None:
    """Draw the metrics of a run, by epoch.

    Args:
        folder: See :func:`read_metrics`.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    rows = read_metrics(folder)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, names in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for name in names:
            column = f"{name}_epoch" if name == "loss" else name
            points = [(int(row["step"]), float(row[column])) for row in rows if column in row]
            if points:
                axes.plot(*zip(*points, strict=True), label=name.replace("_", ", "))
                axes.legend()
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
