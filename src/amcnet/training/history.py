"""The metrics of a run: as a table with a row for each epoch, and as a picture."""

import csv
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from amcnet.io.atomic_files import write_atomically

EpochRow = dict[str, float]

_PANELS = (("loss",), ("dice",), ("data_wait",), ("learning_rate",))


class LossCurve:
    """The loss over a whole run, in a limited number of points.

    Each point is the mean over some steps. If there are too many points, neighbours are merged, so
    a short run has one point per step and a long run a few hundred points.

    Attributes:
        points: (last step, mean loss) of each point.
        every: Steps per point.

    Example:
        >>> curve = LossCurve(most=4)
        >>> for step in range(1, 7):
        ...     curve.add(step, float(step))
        >>> curve.points
        [(2, 1.5), (4, 3.5), (6, 5.5)]
    """

    def __init__(self, most: int = 400) -> None:
        self.most = most
        self.every = 1
        self.points: list[tuple[int, float]] = []
        self._open: list[float] = []

    def add(self, step: int, loss: float) -> None:
        """Add the loss of a step."""
        self._open.append(loss)
        if len(self._open) < self.every:
            return
        self.points.append((step, sum(self._open) / len(self._open)))
        self._open.clear()
        if len(self.points) == self.most:
            pairs = zip(self.points[::2], self.points[1::2], strict=False)
            self.points = [(last, (a + b) / 2) for (_, a), (last, b) in pairs]
            self.every *= 2

    def state(self) -> dict[str, Any]:
        """Return everything for a checkpoint."""
        return {"every": self.every, "points": self.points, "open": self._open}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a result of :meth:`state`."""
        self.every = int(state["every"])
        self.points = [(int(step), float(loss)) for step, loss in state["points"]]
        self._open = [float(loss) for loss in state["open"]]


def write_history(history: list[EpochRow], path: Path) -> None:
    """Write one line per epoch as CSV."""
    names = list(dict.fromkeys(name for row in history for name in row))
    text = StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomically(path, text.getvalue())


def write_curves(history: list[EpochRow], path: Path, losses: LossCurve | None = None) -> None:
    """Plot loss, Dice, learning rate and the share of time spent waiting for data, as PNG.

    Args:
        history: A row for each epoch.
        path: The output file.
        losses: The loss within epochs, if known.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, prefixes in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        names = dict.fromkeys(n for row in history for n in row if n.startswith(prefixes))
        if prefixes == ("loss",) and losses is not None and losses.points:
            axes.plot(*zip(*losses.points, strict=True), color="0.75", label="loss of each step")
        for name in names:
            points = [(row["step"], row[name]) for row in history if name in row]
            axes.plot(*zip(*points, strict=True), marker=".", label=name.replace("_", " "))
        if names:
            axes.legend()
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomically(path, picture.getvalue())
