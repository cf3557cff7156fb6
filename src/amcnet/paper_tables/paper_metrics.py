"""The metrics of the tables, and their statistics over the unseen cases."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amcnet.metrics.paired import PairedTest, signed_rank_test
from amcnet.metrics.statistics import Statistics, describe
from amcnet.paper_tables.row_results import ALL, RowResult
from amcnet.paper_tables.rows import PaperFigures

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class PaperMetric:
    """One of the paper's five metrics.

    Attributes:
        key: Its key in :class:`PaperFigures`.
        heading: Its heading.
        metric: This package's metric; which one the paper means is inferred (docs/evaluation.md).
        higher_is_better: Whether higher values are better.
    """

    key: Literal["dsc", "jaccard", "recall", "f1", "hd95_mm"]
    heading: str
    metric: str
    higher_is_better: bool = True

    def of_paper(self, figures: PaperFigures) -> float:
        """Return the paper's value."""
        return float(getattr(figures, self.key))

    def gain(self, difference: float) -> float:
        """Return a difference with the sign that makes more better."""
        return difference if self.higher_is_better else -difference


PAPER_METRICS = (
    PaperMetric("dsc", "DSC", "dice_foreground"),
    PaperMetric("jaccard", "Jaccard", "jaccard_foreground"),
    PaperMetric("recall", "Recall", "recall_macro"),
    PaperMetric("f1", "F1", "f1_macro"),
    PaperMetric("hd95_mm", "HD95, mm", "hd95_macro_mm", higher_is_better=False),
)

# (metric, structures) of the table of all figures.
ALL_METRICS = (
    ("dice_macro", ALL),
    ("dice_macro", "bone"),
    ("dice_macro", "epiphysis"),
    ("dice_foreground", ALL),
    ("dice_binary", ALL),
    ("jaccard_macro", ALL),
    ("jaccard_foreground", ALL),
    ("jaccard_binary", ALL),
    ("recall_macro", ALL),
    ("precision_macro", ALL),
    ("f1_macro", ALL),
    ("hd95_macro_mm", ALL),
    ("hd95_macro_missed_as_10mm_mm", ALL),
    ("assd_macro_mm", ALL),
    ("surface_dice_0.5mm_macro", ALL),
    ("detection_rate", ALL),
    ("detection_rate", "bone"),
    ("detection_rate", "epiphysis"),
    ("length_error_mm", "bone"),
    ("length_error_mm", "epiphysis"),
)


@dataclass(frozen=True, eq=False)
class PairedDifference:
    """One row minus another.

    Attributes:
        values: Value of each case, (case,); NaN for cases without a value.
    """

    values: NDArray[np.float64]

    @property
    def mean(self) -> float | None:
        """Mean over the cases for which both rows have a value."""
        known = self.values[~np.isnan(self.values)]
        return float(known.mean()) if known.size else None

    @property
    def test(self) -> PairedTest:
        """Wilcoxon's test of the differences."""
        return signed_rank_test(self.values)

    @property
    def statistics(self) -> Statistics:
        """The mean with its interval, which takes a bootstrap."""
        return describe(self.values)


def paired_difference(row: RowResult, other: RowResult, metric: str) -> PairedDifference:
    """Return ``row`` minus ``other``, case by case."""
    return PairedDifference(row.values(metric) - other.values(metric))


def mean_of(row: RowResult, metric: str) -> float | None:
    """Return the mean over the cases with a value; None if there are none."""
    values = row.values(metric)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def with_interval(statistics: Statistics, signed: bool = False) -> str:
    """Return a mean with its 95 % interval as a cell of a table."""
    if statistics.mean is None:
        return "-"
    form = "+.3f" if signed else ".3f"
    text = f"{statistics.mean:{form}}"
    if statistics.low is None or statistics.high is None:
        return text
    return f"{text} ({statistics.low:{form}} to {statistics.high:{form}})"


def p_text(p: float | None) -> str:
    """Return a p-value as text."""
    return "-" if p is None else f"{p:.2g}"
