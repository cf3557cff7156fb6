"""The learning curve of a training, drawn only with Qt."""

from collections.abc import Sequence
from typing import Any

import qt

_WIDTH, _HEIGHT, _MARGIN = 380, 120, 18
_LOSS, _DICE, _FRAME = "#2060b0", "#208040", "#808080"


def draw_curve(losses: Sequence[tuple[int, float]], dice: Sequence[tuple[int, float]]) -> Any:  # noqa: ANN401
    """Return a picture of loss (scaled to its largest value) and Dice (0 to 1) over the steps.

    Args:
        losses: (step, loss).
        dice: (step, Dice) of the held-out windows.
    """
    picture = qt.QPixmap(_WIDTH, _HEIGHT)
    picture.fill(qt.QColor("white"))
    painter = qt.QPainter(picture)
    painter.setPen(qt.QColor(_FRAME))
    painter.drawRect(_MARGIN, 4, _WIDTH - 2 * _MARGIN, _HEIGHT - _MARGIN - 4)
    last = max((step for step, _ in (*losses, *dice)), default=1)
    highest = max((loss for _, loss in losses), default=1.0) or 1.0
    _draw_line(painter, _LOSS, [(step / last, loss / highest) for step, loss in losses])
    _draw_line(painter, _DICE, [(step / last, value) for step, value in dice])
    painter.setPen(qt.QColor(_LOSS))
    painter.drawText(_MARGIN, _HEIGHT - 4, f"loss, up to {highest:.2f}")
    painter.setPen(qt.QColor(_DICE))
    painter.drawText(_WIDTH // 2, _HEIGHT - 4, "Dice, up to 1" if dice else "")
    painter.end()
    return picture


def _draw_line(painter: Any, color: str, points: list[tuple[float, float]]) -> None:  # noqa: ANN401
    width, height = _WIDTH - 2 * _MARGIN, _HEIGHT - _MARGIN - 4
    places = [
        (round(_MARGIN + x * width), round(4 + (1 - min(1.0, max(0.0, y))) * height))
        for x, y in points
    ]
    painter.setPen(qt.QColor(color))
    for (x0, y0), (x1, y1) in zip(places, places[1:]):  # noqa: B905, RUF007
        painter.drawLine(x0, y0, x1, y1)
    if len(places) == 1:
        painter.drawEllipse(places[0][0] - 1, places[0][1] - 1, 3, 3)
