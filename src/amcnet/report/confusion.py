"""The confusion matrix as a figure."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.report.summary_table import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150
_CELL_INCHES = 0.19
_LETTER_INCHES = 0.058  # of the names, 7.5 points
_SMALLEST_SHARE = 1e-4  # the darkest end of the colour scale; smaller shares look the same


def confusion_shares(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for each reference label, the shares of its voxels by predicted label.

    Args:
        confusion: Counts, rows by reference and columns by prediction.

    Returns:
        float64 of the same shape; rows sum to 1. Rows of labels without a voxel are NaN.

    Example:
        >>> confusion_shares(np.array([[6, 2], [0, 0]])).tolist()
        [[0.75, 0.25], [nan, nan]]
    """
    totals = confusion.sum(axis=1, keepdims=True)
    return np.where(totals > 0, confusion / np.maximum(totals, 1), np.nan)


def confusion_figure(confusion: NDArray[np.int64], table: LabelTable) -> "Figure":
    """Draw which labels the voxels of every reference label received, the background first.

    Rows are the reference, columns the prediction, both in the order of the table. Colours are
    shares of the row on a logarithmic scale from 0.0001 to 1. White means no voxel, grey hatching a
    label that the reference does not contain.

    Args:
        confusion: Counts, (num_classes, num_classes), of one case or summed over many.
        table: Names of the labels.

    Raises:
        InputError: If the counts do not fit the table, or are negative.

    Example:
        >>> table = LabelTable.from_names(["liver", "spleen"])
        >>> figure = confusion_figure(np.diag([90, 5, 5]), table)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['background', 'liver', 'spleen']
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    expected = (table.num_classes, table.num_classes)
    if confusion.shape != expected or confusion.min() < 0:
        raise InputError(
            f"the confusion has the shape {confusion.shape} and counts from {confusion.min()}, "
            f"expected {expected} and counts from 0"
        )
    names = [escaped(name) for name in table.values_by_name]
    margin = 0.6 + _LETTER_INCHES * max(len(name) for name in names)
    side = _CELL_INCHES * len(names)
    width, height = margin + side + 1.1, margin + side + 0.5
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((margin / width, margin / height, side / width, side / height))
    scale = figure.add_axes(
        ((margin + side + 0.2) / width, margin / height, 0.18 / width, side / height)
    )
    _draw(axes, scale, confusion_shares(confusion), names)
    return figure


def _draw(axes: "Axes", scale: "Axes", shares: NDArray[np.float64], names: list[str]) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    picture = axes.imshow(
        np.ma.masked_where(~(shares > 0), np.maximum(shares, _SMALLEST_SHARE)),
        cmap=colormaps["viridis_r"].with_extremes(bad="white"),
        norm=LogNorm(_SMALLEST_SHARE, 1),
        interpolation="nearest",
    )
    for row in np.flatnonzero(np.isnan(shares[:, 0])):
        axes.axhspan(row - 0.5, row + 0.5, facecolor="#eeeeee", edgecolor="#bbbbbb", hatch="////")
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=7.5, parse_math=False)
    axes.set_yticks(places, names, fontsize=7.5, parse_math=False)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e5e7eb", linewidth=0.4)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted as", fontsize=10)
    axes.set_ylabel("reference", fontsize=10)
    axes.figure.colorbar(picture, cax=scale)
    scale.set_ylabel("share of the reference's voxels", fontsize=9)
    scale.tick_params(labelsize=8)
