"""A picture of one hand with the labels of every row, and their errors marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.data import Dataset
from amcnet.io import read_labels, read_volume
from amcnet.io.atomic_files import write_atomically
from amcnet.labelmaps.region import Labels
from amcnet.paper_tables.row_results import RowResult
from amcnet.paper_tables.rows import ComparisonTable
from amcnet.paper_tables.table_markdown import finished_rows
from amcnet.paper_tables.workspace import Workspace
from amcnet.report.slices import choose_slices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ORANGE = "#ff9a00"
_INCHES = 2.2  # of a column
_MOST = 5  # columns per row: more would be too small on a page
_DPI = 130
_BORDER = 1  # voxels: an error nearer than this to a correct border is not marked


@dataclass(frozen=True, eq=False)
class _View:
    """A plane of a volume: rows run downwards."""

    grey: NDArray[np.float64]
    aspect: float


def write_picture(
    path: Path,
    table: ComparisonTable,
    results: Mapping[str, RowResult],
    workspace: Workspace,
    unseen: Dataset,
) -> None:
    """Draw a transverse slice and the whole hand, one column for the reference and for each row.

    Args:
        path: A ``.png`` file.
        table: The rows and their order.
        results: Results of the finished rows.
        workspace: Workspace with the rows' labels.
        unseen: The hands; the first is shown.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    case = unseen.cases[0]
    volume = read_volume(case.images[0])
    truth = read_labels(case.labels, unseen.table).array
    columns: dict[str, Labels] = {"truth": truth}
    for row in finished_rows(table, results):
        columns[row.title] = read_labels(workspace.pictured(row.row), unseen.table).array
    (index,) = choose_slices(truth, 1)
    scan_mm, lateral_mm, depth_mm = volume.spacing_mm
    slice_view = _View(_scaled(volume.array[index].T), depth_mm / lateral_mm)
    hand_view = _View(_scaled(volume.array.mean(axis=2)), scan_mm / lateral_mm)
    heights = [
        view.grey.shape[0] / view.grey.shape[1] * view.aspect for view in (slice_view, hand_view)
    ]
    lines = ceil(len(columns) / _MOST)
    width = ceil(len(columns) / lines)
    size = (_INCHES * width, (_INCHES * sum(heights) + 0.4) * lines)
    figure = Figure(figsize=size, dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2 * lines, width, squeeze=False, height_ratios=heights * lines)
    for axes in panels.flat:
        axes.axis("off")
    for number, (title, labels) in enumerate(columns.items()):
        line, column = divmod(number, width)
        upper, lower = panels[2 * line][column], panels[2 * line + 1][column]
        upper.set_title(title, fontsize=8)
        _draw(upper, slice_view, labels[index].T, truth[index].T, unseen.table)
        _draw(lower, hand_view, labels.max(axis=2), truth.max(axis=2), unseen.table)
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix[1:])
    write_atomically(path, picture.getvalue())


def marked_errors(labels: Labels, truth: Labels) -> NDArray[np.bool_]:
    """Return where labels of a plane differ from the truth by more than a border of one pixel."""
    from scipy.ndimage import binary_opening

    square = np.ones((2 * _BORDER + 1,) * 2, dtype=bool)
    opened: NDArray[np.bool_] = binary_opening(labels != truth, square)
    return opened


def _draw(axes: "Axes", view: _View, labels: Labels, truth: Labels, table: LabelTable) -> None:
    axes.imshow(_tinted(view.grey, labels, table), aspect=view.aspect, interpolation="antialiased")
    errors = marked_errors(labels, truth)
    if errors.any():
        framed = np.pad(errors, 1)  # closes the outlines at the edge of the plane
        across, down = (np.arange(-1, n + 1) for n in (errors.shape[1], errors.shape[0]))
        axes.contour(across, down, framed, levels=[0.5], colors=[_ORANGE], linewidths=1.0)
    axes.set_xlim(-0.5, errors.shape[1] - 0.5)
    axes.set_ylim(errors.shape[0] - 0.5, -0.5)


def _tinted(grey: NDArray[np.float64], labels: Labels, table: LabelTable) -> NDArray[np.float64]:
    """Blend the colours of the labels with a greyscale plane; return (row, column, RGB)."""
    colors = np.zeros((table.num_classes, 3))
    for structure in table:
        colors[structure.value] = np.array(structure.color_rgb) / 255
    picture: NDArray[np.float64] = np.repeat(0.8 * grey[..., None], 3, axis=2)
    there = labels > 0
    picture[there] = 0.3 * picture[there] + 0.7 * colors[labels[there]]
    return picture


def _scaled(plane: NDArray[Any]) -> NDArray[np.float64]:
    low, high = (float(value) for value in np.percentile(plane, (1, 99.5)))
    scaled = (plane.astype(np.float64) - low) / max(high - low, 1e-6)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float64)
