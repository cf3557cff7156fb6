"""The figures of a run, epoch by epoch: as a table and as a picture."""

import csv
from pathlib import Path

from amcnet.io import atomic_path

Row = dict[str, float]

_PANELS = (("loss",), ("dice",), ("data_wait",), ("learning_rate",))


def write_history(history: list[Row], path: Path) -> None:
    """Write one line per epoch as CSV."""
    names = list(dict.fromkeys(name for row in history for name in row))
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def write_curves(history: list[Row], path: Path) -> None:
    """Draw loss, Dice, learning rate and the share of time spent waiting for data, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, prefixes in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        names = dict.fromkeys(n for row in history for n in row if n.startswith(prefixes))
        for name in names:
            points = [(row["step"], row[name]) for row in history if name in row]
            axes.plot(*zip(*points, strict=True), marker=".", label=name.replace("_", " "))
        if names:
            axes.legend()
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
