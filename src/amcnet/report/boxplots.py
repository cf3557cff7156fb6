"""Box plots of metrics over cases, one box per structure in the order of the table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import count_text
from amcnet.metrics.score_tables import ScoreTable, scores_of_cases
from amcnet.report.statistics_table import DEFAULT_METRICS
from amcnet.report.summary_table import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150
_ROW_INCHES = 0.24  # room for a line of 8 points
_PANEL_INCHES = 5.0
_TOP_INCHES, _BOTTOM_INCHES, _RIGHT_INCHES = 0.5, 0.6, 0.3
_LETTER_INCHES = 0.062  # of the names, 8 points
_GAP_INCHES = 0.55  # between panels, for the counts
_COLORS = ("#3b6ea8", "#d1742f", "#4a9152", "#8a5aa3", "#7a7a7a")  # by kind, repeated if need be
_RATIOS = ("dice", "jaccard", "recall", "precision", "f1", "surface_dice")
_TITLES = {"dice": "Dice", "jaccard": "Jaccard", "hd95_mm": "HD95, mm", "assd_mm": "ASSD, mm"}


def boxplot_figure(
    cases: Mapping[str, dict[str, Any]], metrics: Sequence[str] = DEFAULT_METRICS
) -> "Figure":
    """Draw the values of every structure over cases: one panel per metric, one row per structure.

    Boxes extend from the first to the third quartile with a line at the median, whiskers to the
    farthest case within 1.5 times that range; every case is a dot. Colours are by kind. If a
    structure has no value in some cases, the number of cases with a value is written at the right.

    Args:
        cases: Evaluations (see :func:`amcnet.metrics.evaluate_case`) by case name.
        metrics: Numeric keys of the structures' rows.

    Raises:
        InputError: If a metric is unknown, or the cases are not comparable.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [scores_of_cases(cases, metric) for metric in dict.fromkeys(metrics)]
    names = panels[0].structures
    left = 0.3 + _LETTER_INCHES * max(len(name) for name in names)
    width = left + len(panels) * (_PANEL_INCHES + _GAP_INCHES) + _RIGHT_INCHES
    height = _TOP_INCHES + _ROW_INCHES * (len(names) + 1) + _BOTTOM_INCHES
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for place, scores in enumerate(panels):
        start = left + place * (_PANEL_INCHES + _GAP_INCHES)
        box = (
            start / width,
            _BOTTOM_INCHES / height,
            _PANEL_INCHES / width,
            _ROW_INCHES * (len(names) + 1) / height,
        )
        axes = figure.add_axes(box)
        _draw(axes, scores)
        axes.tick_params(labelleft=place == 0)
    _draw_legend(figure, panels[0], left / width, 1 - 0.3 / height)
    return figure


def _draw(axes: "Axes", scores: ScoreTable) -> None:
    rows = len(scores.structures)
    for row in range(0, rows, 2):  # bands guide the eye from a name to its box
        axes.axhspan(row - 0.5, row + 0.5, color="#f3f4f6", linewidth=0, zorder=0)
    for row in range(rows):
        _draw_structure(axes, scores, row)
    axes.set_ylim(rows, -1)
    names = [escaped(name) for name in scores.structures]
    axes.set_yticks(range(rows), names, fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    if scores.metric.startswith(_RATIOS):
        axes.set_xlim(-0.02, 1.02)
    else:
        _, highest = axes.get_xlim()
        axes.set_xlim(min(0.0, np.nanmin(scores.values, initial=0.0)), max(highest, 1e-3))
    axes.grid(axis="x", color="#d5d8dc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(_TITLES.get(scores.metric, scores.metric.replace("_", " ")), fontsize=10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _draw_structure(axes: "Axes", scores: ScoreTable, row: int) -> None:
    values = scores.values[:, row]
    known = values[~np.isnan(values)]
    if known.size < len(values):
        axes.annotate(
            f"{known.size} of {len(values)}",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=7,
            color="#6b7280",
            va="center",
        )
    if known.size:
        _draw_box(axes, known, row, _COLORS[_kind_number(scores, row) % len(_COLORS)])


def _draw_box(axes: "Axes", values: NDArray[np.float64], row: int, color: str) -> None:
    # Not Axes.boxplot, whose option for horizontal boxes depends on the version of Matplotlib.
    from matplotlib.cbook import boxplot_stats
    from matplotlib.colors import to_rgba

    box = boxplot_stats(values)[0]
    for end, quartile in ((box["whislo"], box["q1"]), (box["whishi"], box["q3"])):
        axes.hlines(row, end, quartile, color=color, linewidth=0.8)
        axes.vlines(end, row - 0.15, row + 0.15, color=color, linewidth=0.8)
    axes.barh(
        row,
        box["q3"] - box["q1"],
        left=box["q1"],
        height=0.62,
        facecolor=to_rgba(color, 0.35),
        edgecolor=color,
        linewidth=0.8,
    )
    axes.vlines(box["med"], row - 0.31, row + 0.31, color=color, linewidth=1.8)
    dots = np.full(values.size, row)
    axes.plot(values, dots, ".", color=color, markersize=3.5, alpha=0.7, zorder=3)


def _kind_number(scores: ScoreTable, row: int) -> int:
    kinds = list(dict.fromkeys(scores.kinds))
    return kinds.index(scores.kinds[row]) if kinds else 0


def _draw_legend(figure: "Figure", scores: ScoreTable, left: float, top: float) -> None:
    from matplotlib.patches import Patch

    text = count_text(len(scores.cases), "case")
    figure.text(left, top, text, fontsize=10, va="center")
    kinds = dict.fromkeys(scores.kinds)
    handles = [
        Patch(color=_COLORS[i % len(_COLORS)], alpha=0.6, label=escaped(kind))
        for i, kind in enumerate(kinds)
    ]
    if handles:
        legend = figure.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(left + 0.9 / figure.get_figwidth(), top),
            ncols=len(handles),
            frameon=False,
            fontsize=9,
        )
        for name in legend.get_texts():
            name.set_parse_math(False)
