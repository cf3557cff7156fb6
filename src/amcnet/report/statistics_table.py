"""Tables of statistics over cases: overall, by kind and per structure."""

from collections.abc import Mapping, Sequence
from typing import Any

from amcnet.errors import count_text
from amcnet.metrics.case_gaps import CaseGaps
from amcnet.metrics.score_tables import ScoreTable, scores_of_cases
from amcnet.metrics.statistics import RESAMPLES, describe
from amcnet.metrics.summary import MISSED_HD95_KEY, MISSED_HD95_MM
from amcnet.report.summary_table import Cell, Column, SummaryTable

DEFAULT_METRICS = ("dice", "hd95_mm")
_COLUMNS = (
    Column("metric", "metric"),
    Column("level", "level"),
    Column("name", "name"),
    Column("cases", "cases"),
    Column("mean", "mean"),
    Column("sd", "SD"),
    Column("median", "median"),
    Column("low_95", "95 % from"),
    Column("high_95", "to"),
)


def statistics_table(
    cases: Mapping[str, dict[str, Any]],
    metrics: Sequence[str] = DEFAULT_METRICS,
    seed: int = 0,
    gaps: CaseGaps | None = None,
) -> SummaryTable:
    """Summarise metrics over cases.

    A row ``all`` or of a kind averages over the structures with a value within each case first, and
    then gives the statistics of these means over cases: structures of one hand are not independent
    samples.

    Args:
        cases: Evaluations (see :func:`amcnet.metrics.evaluate_case`) by case name.
        metrics: Numeric keys of the structures' rows.
        seed: Seed of the bootstrap.
        gaps: Cases without a result of their own; the notes name them first.

    Returns:
        Rows by metric, then all, kinds, structures in the order of their table; ``cases`` counts
        those with a value. For the statistics see :func:`amcnet.metrics.statistics.describe`.

    Raises:
        InputError: If a metric is unknown, or the cases are not comparable.
    """
    scores = [scores_of_cases(cases, metric) for metric in dict.fromkeys(metrics)]
    rows = [row for one in scores for row in _rows(one, seed)]
    notes = (
        *(gaps or CaseGaps()).notes(),
        f"{count_text(len(cases), 'case')}. A structure without a value in a case (absent; "
        "for distances also "
        "missed or invented) is skipped there; 'cases' counts the rest.",
        *_missed_notes(metrics),
        "Rows of several structures: mean within each case first, then over cases.",
        f"95 %: interval of the mean by BCa bootstrap, {RESAMPLES} resamples of the cases, "
        f"seed {seed}; too narrow with few cases.",
    )
    return SummaryTable("Statistics over cases", _COLUMNS, tuple(rows), notes)


def _missed_notes(metrics: Sequence[str]) -> list[str]:
    if MISSED_HD95_KEY not in metrics:
        return []
    return [f"{MISSED_HD95_KEY}: structures that were missed count as {MISSED_HD95_MM:g} mm."]


def _rows(scores: ScoreTable, seed: int) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for group in scores.groups():
        found = describe(scores.by_case(group), seed)
        figures = (found.mean, found.deviation, found.median, found.low, found.high)
        rows.append((scores.metric, group.level.value, group.name, found.count, *figures))
    return rows
