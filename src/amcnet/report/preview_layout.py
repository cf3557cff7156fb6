"""Layout of the panels of a preview."""

from dataclasses import dataclass

_HEIGHT = 8.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.65, 0.3, 0.95, 0.85
_COLUMN_GAP = 0.6
_TITLE = 0.3  # Above every slice.
_MAX_PANEL_WIDTH = 6.0

Panel = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """A page and its panels.

    Attributes:
        size_inches: (width, height); the width follows from the panels.
        overview: Left panel as (left, bottom, width, height), fractions of the page.
        slices: Right panels, from top to bottom.
    """

    size_inches: tuple[float, float]
    overview: Panel
    slices: tuple[Panel, ...]


def lay_out(overview_aspect: float, slice_aspect: float, slice_count: int) -> Page:
    """Place the overview next to a column of slices, all as large as the page allows.

    Args:
        overview_aspect: Height by width of the overview.
        slice_aspect: Height by width of every slice.
        slice_count: Number of slices, 1 or more.
    """
    usable = _HEIGHT - _TOP - _BOTTOM
    overview_width, overview_height = _fitted(overview_aspect, usable)
    # The overview's own title is above the panels, so the first slice needs no space for one.
    slice_room = (usable + _TITLE) / slice_count - _TITLE
    slice_width, slice_height = _fitted(slice_aspect, slice_room)
    slice_left = _LEFT + overview_width + _COLUMN_GAP
    width = slice_left + slice_width + _RIGHT
    top = _HEIGHT - _TOP

    def panel(left: float, upper: float, panel_width: float, panel_height: float) -> Panel:
        bottom = (upper - panel_height) / _HEIGHT
        return left / width, bottom, panel_width / width, panel_height / _HEIGHT

    return Page(
        size_inches=(width, _HEIGHT),
        overview=panel(_LEFT, top, overview_width, overview_height),
        slices=tuple(
            panel(slice_left, top - row * (slice_height + _TITLE), slice_width, slice_height)
            for row in range(slice_count)
        ),
    )


def _fitted(aspect: float, height: float) -> tuple[float, float]:
    """Return (width, height) of the largest panel with true proportions."""
    width = min(_MAX_PANEL_WIDTH, height / aspect)
    return width, width * aspect
