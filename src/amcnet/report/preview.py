"""A picture of a segmented hand: seen from above, and in transverse slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io.files import atomic_path
from amcnet.metrics.checks import check_label_range, check_label_volume, checked_spacing_mm
from amcnet.report.layout import lay_out
from amcnet.report.slices import choose_slices, labelled_region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 150
_BACKGROUND = "#101418"
_TEXT = "#e6e9ec"
_FAINT_TEXT = "#9aa4ad"
_FRAME = "#3a424a"
_MAX_PIXELS = 700  # Per axis of a panel: about what the panel has on the page.
_SLICES = 4
_MARGIN_MM = 8.0
_FLAT_ASPECT = 0.1  # Below this height by width an overview has no room for a vertical scale.

Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Case:
    """What is drawn, with spacing (scan, lateral, depth) in mm."""

    image: NDArray[Any]
    labels: NDArray[np.integer[Any]]
    spacing_mm: tuple[float, float, float]
    table: LabelTable


@dataclass(frozen=True)
class _View:
    """The voxels that a panel shows, thinned out to what it can show.

    ``extent_mm`` is (left, right, bottom, top), with rows running downwards.
    """

    rows: slice
    columns: slice
    extent_mm: Extent


def write_preview(
    path: Path,
    image: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    table: LabelTable,
    title: str | None = None,
    footnote: str | None = None,
) -> None:
    """Write a PNG, 1200 pixels high and up to about 2000 wide.

    Left, the hand from above with the fingertips (scan index 0) at the top: the largest label
    along depth over the mean of the image. Right, transverse slices with outlines, depth
    downwards, each with its position along the scan axis. All panels have true proportions.

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    case = _checked_case(image, labels, spacing_mm, table)
    indices = choose_slices(case.labels, _SLICES)
    overview, transverse = _overview_view(case), _transverse_view(case, indices)
    page = lay_out(_aspect(overview.extent_mm), _aspect(transverse.extent_mm), len(indices))
    figure = Figure(figsize=page.size_inches, dpi=_DPI, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    _draw_overview(figure.add_axes(page.overview), case, overview, indices)
    _draw_slices([figure.add_axes(panel) for panel in page.slices], case, transverse, indices)
    left = page.overview[0]
    if title:
        figure.text(left, 0.955, title, color=_TEXT, fontsize=15, weight="bold", va="center")
    if footnote:
        figure.text(left, 0.028, footnote, color=_FAINT_TEXT, fontsize=9, va="center")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, facecolor=_BACKGROUND)


def _checked_case(
    image: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    spacing_mm: Sequence[float],
    table: LabelTable,
) -> _Case:
    check_label_volume(labels, "labels")
    if image.shape != labels.shape or not labels.size:
        raise InputError(
            f"image has the shape {image.shape}, expected that of the labels, {labels.shape}, "
            "with at least one voxel"
        )
    check_label_range(labels, "labels", table.num_classes)
    scan, lateral, depth = (float(value) for value in checked_spacing_mm(spacing_mm))
    return _Case(image, labels, (scan, lateral, depth), table)


def _overview_view(case: _Case) -> _View:
    scan_mm, lateral_mm, _ = case.spacing_mm
    whole = (slice(0, case.labels.shape[0]), slice(0, case.labels.shape[1]))
    rows, columns = (_thinned(part) for part in whole)
    return _View(rows, columns, _extent(rows, columns, (scan_mm, lateral_mm)))


def _transverse_view(case: _Case, indices: list[int]) -> _View:
    _, lateral_mm, depth_mm = case.spacing_mm
    seen = (case.labels[indices] > 0).any(axis=0)
    lateral, depth = labelled_region(np.asarray(seen), (lateral_mm, depth_mm), _MARGIN_MM)
    rows, columns = _thinned(depth), _thinned(lateral)
    return _View(rows, columns, _extent(rows, columns, (depth_mm, lateral_mm)))


def _draw_overview(axes: "Axes", case: _Case, view: _View, indices: list[int]) -> None:
    seen = case.labels[view.rows, view.columns].max(axis=2)
    grey = case.image[view.rows, view.columns].mean(axis=2, dtype=np.float32)
    picture = _tinted(_scaled(grey, _range_of(grey)), seen, case.table)
    axes.imshow(picture, extent=view.extent_mm, interpolation="antialiased")
    _draw_outlines(axes, seen, view.extent_mm, case.table, width=1.0)
    _style(axes)
    axes.set_title("From above, fingertips at the top", color=_TEXT, fontsize=10, loc="left")
    axes.set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)
    if _aspect(view.extent_mm) < _FLAT_ASPECT:
        axes.set_yticks([])
        return
    axes.set_ylabel("scan, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)
    for index in indices:
        position_mm = index * case.spacing_mm[0]
        axes.axhline(position_mm, color="white", linewidth=0.7, alpha=0.5, linestyle=(0, (4, 4)))


def _draw_slices(panels: list["Axes"], case: _Case, view: _View, indices: list[int]) -> None:
    planes = [case.image[index, view.columns, view.rows].T for index in indices]
    grey_range = _range_of(np.stack(planes))
    for axes, plane, index in zip(panels, planes, indices, strict=True):
        grey = _scaled(plane, grey_range)
        axes.imshow(
            grey, cmap="gray", vmin=0, vmax=1, extent=view.extent_mm, interpolation="antialiased"
        )
        labels = case.labels[index, view.columns, view.rows].T
        _draw_outlines(axes, labels, view.extent_mm, case.table, width=1.5)
        _style(axes)
        position_mm = index * case.spacing_mm[0]
        axes.set_title(f"scan {position_mm:.1f} mm", color=_TEXT, fontsize=9, loc="left", pad=3)
        axes.set_ylabel("depth, mm", color=_FAINT_TEXT, fontsize=7, labelpad=2)
        axes.tick_params(labelbottom=False)
    # One scale under the column: the slices share it, and titles need the room between them.
    panels[-1].tick_params(labelbottom=True)
    panels[-1].set_xlabel("lateral, mm", color=_FAINT_TEXT, fontsize=8, labelpad=2)


def _draw_outlines(
    axes: "Axes",
    labels: NDArray[np.integer[Any]],
    extent: Extent,
    table: LabelTable,
    width: float,
) -> None:
    """Draw the outline of every label of a plane whose rows run downwards."""
    from scipy.ndimage import find_objects

    left, right, bottom, top = extent
    rows, columns = labels.shape
    # A frame of background closes the outlines of structures at the edge of the plane.
    framed = np.pad(labels, 1)
    x = left + (np.arange(-1, columns + 1) + 0.5) * (right - left) / columns
    y = top + (np.arange(-1, rows + 1) + 0.5) * (bottom - top) / rows
    for value, box in enumerate(find_objects(framed), start=1):
        if box is None:
            continue
        down, across = (slice(part.start - 1, part.stop + 1) for part in box)
        color = _rgb(table, value)
        axes.contour(
            x[across],
            y[down],
            framed[down, across] == value,
            levels=[0.5],
            colors=[color],
            linewidths=width,
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _tinted(
    grey: NDArray[np.float32], labels: NDArray[np.integer[Any]], table: LabelTable
) -> NDArray[np.float32]:
    """Lay the colours of the labels over a grey image of 0-1; returns (rows, columns, RGB)."""
    colors = np.zeros((table.num_classes, 3), dtype=np.float32)
    for structure in table:
        colors[structure.value] = _rgb(table, structure.value)
    picture: NDArray[np.float32] = np.repeat((0.75 * grey)[..., None], 3, axis=2)
    labelled = labels > 0
    picture[labelled] = 0.2 * picture[labelled] + 0.8 * colors[labels[labelled]]
    return picture


def _rgb(table: LabelTable, value: int) -> tuple[float, float, float]:
    red, green, blue = table[value].color_rgb
    return red / 255, green / 255, blue / 255


def _range_of(values: NDArray[Any]) -> tuple[float, float]:
    """Return the grey values to show as black and as white."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (1, 99.5)))
    return low, high if high > low else low + 1.0


def _scaled(values: NDArray[Any], grey_range: tuple[float, float]) -> NDArray[np.float32]:
    low, high = grey_range
    scaled = (np.nan_to_num(values.astype(np.float32)) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def _thinned(part: slice) -> slice:
    return slice(part.start, part.stop, max(1, -(-(part.stop - part.start) // _MAX_PIXELS)))


def _extent(rows: slice, columns: slice, spacing_mm: tuple[float, float]) -> Extent:
    top, bottom = ((edge - 0.5) * spacing_mm[0] for edge in (rows.start, rows.stop))
    left, right = ((edge - 0.5) * spacing_mm[1] for edge in (columns.start, columns.stop))
    return left, right, bottom, top


def _aspect(extent: Extent) -> float:
    """Return height by width."""
    left, right, bottom, top = extent
    return (bottom - top) / (right - left)


def _style(axes: "Axes") -> None:
    axes.set_facecolor("black")
    axes.tick_params(colors=_FAINT_TEXT, labelsize=7, length=2, width=0.5, pad=2)
    for spine in axes.spines.values():
        spine.set_color(_FRAME)
        spine.set_linewidth(0.6)
