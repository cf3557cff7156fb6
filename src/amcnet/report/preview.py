"""Pictures of a segmented hand: seen from above, and in transverse slices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.io.atomic_files import atomic_path
from amcnet.report.preview_layout import lay_out
from amcnet.report.views import Plane, Views, gather_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
_BACKGROUND = "#101418"
_TEXT = "#e6e9ec"
_FAINT_TEXT = "#9aa4ad"
_FRAME = "#3a424a"
_FLAT_ASPECT = 0.1  # Below this height by width an overview has no room for a vertical scale.

Rgb = tuple[int, int, int]


def write_preview(
    path: Path,
    image: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    table: LabelTable,
    title: str | None = None,
    footnote: str | None = None,
) -> None:
    """Write a PNG, 1200 pixels high and up to about 2000 wide, see :func:`preview_figure`.

    Args:
        path: File to write; it appears whole or not at all.
        image: Grey values, (scan, lateral, depth), any numeric type.
        labels: Integer labels of the same shape; there may be none but background.
        spacing_mm: Voxel size in the same order.
        table: Names and colours of the labels.
        title: Heading of the page.
        footnote: Small print at the bottom.

    Raises:
        InputError: If shapes differ, labels are not integers or not in the table, or the spacing
            is not three positive numbers.
    """
    views = gather_views(image, labels, spacing_mm, table)
    figure = preview_figure(views, table, title, footnote)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)


def preview_figure(
    views: Views, table: LabelTable, title: str | None = None, footnote: str | None = None
) -> "Figure":
    """Draw the whole hand and slices of it, 8 inches high.

    Left, the hand from above with the fingertips (scan index 0) at the top: the largest label
    along depth over the mean of the image. Right, transverse slices with outlines, depth
    downwards, each with its position along the scan axis. All panels have true proportions.

    Args:
        views: What is drawn.
        table: Colours of the labels.
        title: Heading of the page.
        footnote: Small print at the bottom.
    """
    page = lay_out(views.overview.aspect, views.slices[0].aspect, len(views.slices))
    figure = _new_figure(page.size_inches)
    overview = figure.add_axes(page.overview)
    _draw_overview(overview, views.overview, table)
    if views.overview.aspect >= _FLAT_ASPECT:
        for position_mm in views.positions_mm:
            overview.axhline(
                position_mm, color="white", linewidth=0.7, alpha=0.5, linestyle=(0, (4, 4))
            )
    _draw_slices([figure.add_axes(panel) for panel in page.slices], views, table)
    left = page.overview[0]
    if title:
        figure.text(left, 0.955, title, color=_TEXT, fontsize=15, weight="bold", va="center")
    if footnote:
        figure.text(left, 0.028, footnote, color=_FAINT_TEXT, fontsize=9, va="center")
    return figure


def overview_figure(
    views: Views, table: LabelTable, legend: Mapping[str, Rgb], marked: Sequence[int] = ()
) -> "Figure":
    """Draw the whole hand alone, 8 inches high, with a legend below it.

    Args:
        views: What is drawn.
        table: Colours of the labels.
        legend: What the colours mean: word -> colour.
        marked: Labels whose value is written beside them.
    """
    from matplotlib.patches import Patch

    page = lay_out(views.overview.aspect, views.slices[0].aspect, len(views.slices))
    width, height = page.size_inches
    left, bottom, panel_width, panel_height = page.overview
    # The page of the preview without its column of slices, so that both show the hand alike.
    narrow = max(4.0, (2 * left + panel_width) * width)
    figure = _new_figure((narrow, height))
    place = (left * width / narrow, bottom, panel_width * width / narrow, panel_height)
    axes = figure.add_axes(place)
    # Neighbours have one colour here: the outline is what tells them apart.
    _draw_overview(axes, views.overview, table, _BACKGROUND)
    # From top to bottom, so that those of neighbours stand on different sides.
    rows = {value: np.flatnonzero((views.overview.labels == value).any(axis=1)) for value in marked}
    downwards = sorted((v for v in marked if rows[v].size), key=lambda v: float(rows[v].mean()))
    for index, value in enumerate(downwards):
        _write_value(axes, views.overview, value, on_left=bool(index % 2))
    figure.legend(
        handles=[Patch(color=_fractions(color), label=word) for word, color in legend.items()],
        loc="lower left",
        bbox_to_anchor=(place[0], 0.0),
        ncols=len(legend),
        frameon=False,
        labelcolor=_TEXT,
        fontsize=10,
        borderaxespad=0.2,
    )
    return figure


def _new_figure(size_inches: tuple[float, float]) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, dpi=DPI, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def _draw_overview(
    axes: "Axes", plane: Plane, table: LabelTable, outline: str | None = None
) -> None:
    picture = _tinted(plane, table)
    axes.imshow(picture, extent=plane.extent_mm, interpolation="antialiased")
    _draw_outlines(axes, plane, table, 1.0, outline)
    _style(axes)
    axes.set_title("From above, fingertips at the top", color=_TEXT, fontsize=10, loc="left")
    axes.set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)
    if plane.aspect < _FLAT_ASPECT:
        axes.set_yticks([])
    else:
        axes.set_ylabel("scan, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)


def _draw_slices(panels: list["Axes"], views: Views, table: LabelTable) -> None:
    for axes, plane, position_mm in zip(panels, views.slices, views.positions_mm, strict=True):
        axes.imshow(
            plane.grey,
            cmap="gray",
            vmin=0,
            vmax=1,
            extent=plane.extent_mm,
            interpolation="antialiased",
        )
        _draw_outlines(axes, plane, table, 1.5)
        _style(axes)
        axes.set_title(f"scan {position_mm:.1f} mm", color=_TEXT, fontsize=9, loc="left", pad=3)
        axes.set_ylabel("depth, mm", color=_FAINT_TEXT, fontsize=7, labelpad=2)
        axes.tick_params(labelbottom=False)
    # One scale under the column: the slices share it, and titles need the room between them.
    panels[-1].tick_params(labelbottom=True)
    panels[-1].set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)


def _draw_outlines(
    axes: "Axes", plane: Plane, table: LabelTable, width: float, color: str | None = None
) -> None:
    """Draw the outline of every label of a plane, in its own colour or in the one given."""
    from scipy.ndimage import find_objects

    # A frame of background closes the outlines of structures at the edge of the plane.
    framed = np.pad(plane.labels, 1)
    x, y = _centres_mm(plane, frame=1)
    for value, box in enumerate(find_objects(framed), start=1):
        if box is None:
            continue
        down, across = (slice(part.start - 1, part.stop + 1) for part in box)
        axes.contour(
            x[across],
            y[down],
            framed[down, across] == value,
            levels=[0.5],
            colors=[color or _fractions(table[value].color_rgb)],
            linewidths=width,
        )
    left, right, bottom, top = plane.extent_mm
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _write_value(axes: "Axes", plane: Plane, value: int, on_left: bool) -> None:
    """Write the value of a label that is to be seen beside it, with a line to it."""
    from matplotlib.patheffects import withStroke

    rows, columns = np.nonzero(plane.labels == value)
    x, y = _centres_mm(plane, frame=0)
    middle = int(np.median(rows))
    across = columns[rows == middle]
    edge = int(across.min() if on_left else across.max()) if across.size else int(columns[0])
    axes.annotate(
        str(value),
        (float(x[edge]), float(y[middle])),
        xytext=(-24 if on_left else 24, 0),
        textcoords="offset points",
        color="white",
        fontsize=9,
        weight="bold",
        ha="right" if on_left else "left",
        va="center",
        arrowprops={"arrowstyle": "-", "color": "white", "linewidth": 0.8, "shrinkA": 1},
        path_effects=[withStroke(linewidth=2.0, foreground="black")],
    )


def _centres_mm(plane: Plane, frame: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of the columns and of the rows, and of so many more on every side."""
    left, right, bottom, top = plane.extent_mm
    rows, columns = plane.labels.shape
    x = left + (np.arange(-frame, columns + frame) + 0.5) * (right - left) / columns
    y = top + (np.arange(-frame, rows + frame) + 0.5) * (bottom - top) / rows
    return x, y


def _tinted(plane: Plane, table: LabelTable) -> NDArray[np.float32]:
    """Lay the colours of the labels over the grey plane; returns (rows, columns, RGB)."""
    colors = np.zeros((table.num_classes, 3), dtype=np.float32)
    for structure in table:
        colors[structure.value] = _fractions(structure.color_rgb)
    picture: NDArray[np.float32] = np.repeat((0.75 * plane.grey)[..., None], 3, axis=2)
    labelled = plane.labels > 0
    picture[labelled] = 0.2 * picture[labelled] + 0.8 * colors[plane.labels[labelled]]
    return picture


def _fractions(color_rgb: Rgb) -> tuple[float, float, float]:
    red, green, blue = color_rgb
    return red / 255, green / 255, blue / 255


def _style(axes: "Axes") -> None:
    axes.set_facecolor("black")
    axes.tick_params(colors=_FAINT_TEXT, labelsize=7, length=2, width=0.5, pad=2)
    for spine in axes.spines.values():
        spine.set_color(_FRAME)
        spine.set_linewidth(0.6)
