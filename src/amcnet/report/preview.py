"""Figures of a segmented volume: from above, and in transverse slices."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.report.preview_layout import lay_out
from amcnet.report.summary_table import escaped
from amcnet.report.views import HandViews, Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
_BACKGROUND = "#101418"
_TEXT = "#e6e9ec"
_FAINT_TEXT = "#9aa4ad"
_FRAME = "#3a424a"
_FLAT_ASPECT = 0.1  # height by width below which there is no room for a vertical scale
_NUMBER_MM = 5.0  # length along the scan from which a number fits on a structure

Rgb = tuple[int, int, int]


def preview_figure(
    views: HandViews,
    table: LabelTable,
    title: str | None = None,
    footnote: str | None = None,
    numbered: bool = False,
) -> "Figure":
    """Draw the whole volume from above and some of its slices, 8 inches high.

    On the left, the volume from above with scan index 0 at the top: the largest label along depth
    over the mean of the image. On the right, transverse slices with outlines, depth downwards, each
    with its position along the scan axis. All panels have true proportions.

    Args:
        views: The planes to draw.
        table: Colours of the labels.
        title: Heading of the page.
        footnote: Small print at the bottom.
        numbered: Write the label value on every structure.

    Example:
        >>> from amcnet.report import gather_views
        >>> table = LabelTable.from_names(["cube"])
        >>> labels = np.zeros((20, 20, 20), np.uint8)
        >>> labels[5:15, 5:15, 5:15] = 1
        >>> figure = preview_figure(gather_views(labels, labels, (1, 1, 1), table), table)
        >>> len(figure.axes), float(figure.get_figheight())
        (5, 8.0)
    """
    page = lay_out(views.overview.aspect, views.slices[0].aspect, len(views.slices))
    figure = _new_figure(page.size_inches)
    overview = figure.add_axes(page.overview)
    _draw_overview(overview, views.overview, table)
    if numbered:
        _write_numbers(overview, views.overview)
    if views.overview.aspect >= _FLAT_ASPECT:
        for position_mm in views.positions_mm:
            overview.axhline(
                position_mm, color="white", linewidth=0.7, alpha=0.5, linestyle=(0, (4, 4))
            )
    _draw_slices([figure.add_axes(panel) for panel in page.slices], views, table)
    left = page.overview[0]
    if title:
        figure.text(
            left,
            0.955,
            escaped(title),
            color=_TEXT,
            fontsize=15,
            weight="bold",
            va="center",
            parse_math=False,
        )
    if footnote:
        figure.text(
            left,
            0.028,
            escaped(footnote),
            color=_FAINT_TEXT,
            fontsize=9,
            va="center",
            parse_math=False,
        )
    return figure


def overview_figure(
    views: HandViews, table: LabelTable, legend: Mapping[str, Rgb], marked: Sequence[int] = ()
) -> "Figure":
    """Draw the view from above alone, 8 inches high, with a legend below it.

    Args:
        views: The planes to draw.
        table: Colours of the labels.
        legend: Meaning of the colours: word -> colour.
        marked: Labels whose value is written next to them.
    """
    from matplotlib.patches import Patch

    page = lay_out(views.overview.aspect, views.slices[0].aspect, len(views.slices))
    width, height = page.size_inches
    left, bottom, panel_width, panel_height = page.overview
    # The page of the preview without its column of slices, so that both have one scale.
    narrow = max(4.0, (2 * left + panel_width) * width)
    figure = _new_figure((narrow, height))
    place = (left * width / narrow, bottom, panel_width * width / narrow, panel_height)
    axes = figure.add_axes(place)
    # Neighbours may have the same colour here; the outline separates them.
    _draw_overview(axes, views.overview, table, _BACKGROUND)
    # From top to bottom, so that the numbers of neighbours are on alternate sides.
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
    axes.set_title(heading_of(plane, table), color=_TEXT, fontsize=10, loc="left")
    axes.set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)
    if plane.aspect < _FLAT_ASPECT:
        axes.set_yticks([])
    else:
        axes.set_ylabel("scan, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)


def heading_of(plane: Plane, table: LabelTable) -> str:
    """Return the caption of the view from above: which end of a hand is at the top.

    Args:
        plane: The view from above, rows along the scan.
        table: The label table; distal phalanges and metacarpals identify the ends of a hand.
    """
    rows: dict[str, list[float]] = {"distal": [], "metacarpal": []}
    for structure in table:
        for end, found in rows.items():
            if structure.segment.startswith(end):
                seen = np.flatnonzero((plane.labels == structure.value).any(axis=1))
                found += [float(seen.mean())] if seen.size else []
    if not all(rows.values()):
        return "From above"
    tips, palm = (np.mean(found) for found in rows.values())
    return f"From above, {'fingertips' if tips < palm else 'wrist'} at the top"


def _draw_slices(panels: list["Axes"], views: HandViews, table: LabelTable) -> None:
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
    # One scale below the column: the slices share it, and titles need the space between them.
    panels[-1].tick_params(labelbottom=True)
    panels[-1].set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)


def _draw_outlines(
    axes: "Axes", plane: Plane, table: LabelTable, width: float, color: str | None = None
) -> None:
    """Draw the outline of every label of a plane, in the label's colour or in ``color``."""
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


def _write_numbers(axes: "Axes", plane: Plane) -> None:
    """Write the value of every label on its structure, or next to a small structure."""
    from matplotlib.patheffects import withStroke

    x, y = _centres_mm(plane, frame=0)
    for value in np.unique(plane.labels[plane.labels > 0]).tolist():
        rows, columns = np.nonzero(plane.labels == value)
        if np.ptp(y[rows]) < _NUMBER_MM:
            _write_value(axes, plane, value, on_left=bool(value % 2), size=6, reach=10)
            continue
        middle = int(rows[np.abs(rows - np.median(rows)).argmin()])
        across = float(np.median(x[columns[rows == middle]]))
        axes.annotate(
            str(value),
            (across, float(y[middle])),
            color="white",
            fontsize=7,
            weight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=1.5, foreground="black")],
        )


def _write_value(
    axes: "Axes", plane: Plane, value: int, on_left: bool, size: float = 9, reach: float = 24
) -> None:
    """Write the value of a label next to it, with a leader line."""
    from matplotlib.patheffects import withStroke

    rows, columns = np.nonzero(plane.labels == value)
    x, y = _centres_mm(plane, frame=0)
    middle = int(np.median(rows))
    across = columns[rows == middle]
    edge = int(across.min() if on_left else across.max()) if across.size else int(columns[0])
    axes.annotate(
        str(value),
        (float(x[edge]), float(y[middle])),
        xytext=(-reach if on_left else reach, 0),
        textcoords="offset points",
        color="white",
        fontsize=size,
        weight="bold",
        ha="right" if on_left else "left",
        va="center",
        arrowprops={"arrowstyle": "-", "color": "white", "linewidth": 0.8, "shrinkA": 1},
        path_effects=[withStroke(linewidth=2.0, foreground="black")],
    )


def _centres_mm(plane: Plane, frame: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of columns and rows, with ``frame`` more of each on every side."""
    left, right, bottom, top = plane.extent_mm
    rows, columns = plane.labels.shape
    x = left + (np.arange(-frame, columns + frame) + 0.5) * (right - left) / columns
    y = top + (np.arange(-frame, rows + frame) + 0.5) * (bottom - top) / rows
    return x, y


def _tinted(plane: Plane, table: LabelTable) -> NDArray[np.float32]:
    """Blend the colours of the labels with the greyscale plane; return (rows, columns, RGB)."""
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
