"""Loss and Dice over a run, as a picture."""

import csv
from pathlib import Path

from amcnet.io import atomic_path

_PANELS = (("loss",), ("dice", "dice_bone", "dice_epiphysis"))


def write_curves(metrics: Path, path: Path) -> None:
    """Draw the metrics of a run, by epoch.

    Args:
        metrics: The CSV file that the trainer logs to.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    with metrics.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, names in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for name in names:
            column = f"{name}_epoch" if name == "loss" else name
            points = [(int(row["step"]), float(row[column])) for row in rows if row.get(column)]
            if points:
                axes.plot(*zip(*points, strict=True), label=name.replace("_", ", "))
                axes.legend()
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
