"""Compare two results case by case: a table of differences with tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, count_text
from amcnet.metrics.case_gaps import CaseGaps
from amcnet.metrics.paired import PairedTest, holm, signed_rank_test, smallest_p
from amcnet.metrics.score_tables import Group, Level, ScoreTable, scores_of_cases
from amcnet.metrics.statistics import RESAMPLES, Statistics, describe
from amcnet.report.summary_table import Cell, Column, SummaryTable

_LEVEL_OF_SIGNIFICANCE = 0.05
_NAMES_SHOWN = 10
_COLUMNS = (
    Column("level", "level"),
    Column("name", "name"),
    Column("pairs", "pairs"),
    Column("equal", "equal"),
    Column("only_a", "only A"),
    Column("only_b", "only B"),
    Column("mean_a", "mean A"),
    Column("mean_b", "mean B"),
    Column("difference", "B - A"),
    Column("low_95", "95 % from"),
    Column("high_95", "to"),
    Column("median_difference", "median B - A"),
    Column("p", "p", ".2g"),
    Column("p_holm", "p (Holm)", ".2g"),
)


@dataclass(frozen=True)
class ResultSet:
    """Evaluations of many cases, and their name.

    Attributes:
        name: Name of the results in the notes.
        cases: Evaluations (see :func:`amcnet.metrics.evaluate_case`) by case name.
        gaps: Cases without a result of their own.
    """

    name: str
    cases: Mapping[str, dict[str, Any]]
    gaps: CaseGaps = field(default_factory=CaseGaps)


@dataclass(frozen=True)
class _Comparison:
    """One group of structures in both results, over the cases of both."""

    group: Group
    only_a: int
    only_b: int
    mean_a: float | None
    mean_b: float | None
    difference: Statistics
    test: PairedTest


def comparison_table(
    a: ResultSet, b: ResultSet, metric: str = "dice", seed: int = 0
) -> SummaryTable:
    """Compare one metric of two results on the cases and structures that are in both.

    Cases and structures are matched by name. Only values that both results have are compared: a
    structure that one result missed in a case has no distance there, and skipping it on one side
    only would favour the side that missed it. Rows of several structures compare the mean of each
    case over the structures that both have.

    Args:
        a: First results.
        b: Second results; differences are B - A.
        metric: A numeric key of the structures' rows.
        seed: Seed of the bootstrap.

    Returns:
        Rows for all structures, by kind, and per structure. ``equal`` counts pairs without a
        difference, ``only_*`` values without a partner; ``p`` is from
        :func:`amcnet.metrics.paired.signed_rank_test`, ``p_holm`` is corrected for the number of
        structures tested.

    Raises:
        InputError: If the results have no case or no structure in common, or lack the metric.
    """
    whole_a, whole_b = (scores_of_cases(one.cases, metric) for one in (a, b))
    cases = _common(whole_a.cases, whole_b.cases, "case", a, b)
    structures = _common(whole_a.structures, whole_b.structures, "structure", a, b)
    one, other = whole_a.select(cases, structures), whole_b.select(cases, structures)
    compared = _compare(one, other, seed)
    alone = [c for c in compared if c.group.level is Level.STRUCTURE]
    corrected = dict(zip((c.group for c in alone), holm([c.test.p for c in alone]), strict=True))
    notes = [
        f"A: {a.name} ({count_text(len(a.cases), 'case')}); B: {b.name} "
        f"({count_text(len(b.cases), 'case')}); "
        f"{count_text(len(cases), 'case')} in both.",
        *(f"In {side}, {note}" for side, s in (("A", a), ("B", b)) for note in s.gaps.notes()),
        *_missing_notes("case", whole_a.cases, whole_b.cases),
        *_missing_notes("structure", whole_a.structures, whole_b.structures),
        *_method_notes(compared[0], seed),
        *_power_notes([c.test for c in alone]),
    ]
    rows = tuple(_row(c, corrected.get(c.group)) for c in compared)
    return SummaryTable(f"Comparison of {metric}", _COLUMNS, rows, tuple(notes))


def _common(
    first: Iterable[str], second: Iterable[str], what: str, a: ResultSet, b: ResultSet
) -> list[str]:
    wanted = set(second)
    common = [name for name in first if name in wanted]
    if not common:
        raise InputError(f"{a.name} and {b.name} have no {what} in common, expected at least one")
    return common


def _compare(a: ScoreTable, b: ScoreTable, seed: int) -> list[_Comparison]:
    has_a, has_b = ~np.isnan(a.values), ~np.isnan(b.values)
    both = has_a & has_b
    paired_a = replace(a, values=np.where(both, a.values, np.nan))
    paired_b = replace(b, values=np.where(both, b.values, np.nan))
    compared = []
    for group in a.groups():
        columns = list(group.columns)
        first, second = paired_a.by_case(group), paired_b.by_case(group)
        compared.append(
            _Comparison(
                group=group,
                only_a=int((has_a & ~has_b)[:, columns].sum()),
                only_b=int((has_b & ~has_a)[:, columns].sum()),
                mean_a=_mean(first),
                mean_b=_mean(second),
                difference=describe(second - first, seed),
                test=signed_rank_test(second - first),
            )
        )
    return compared


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _row(compared: _Comparison, p_holm: float | None) -> tuple[Cell, ...]:
    difference, test = compared.difference, compared.test
    return (
        compared.group.level.value,
        compared.group.name,
        test.pairs,
        test.equal,
        compared.only_a,
        compared.only_b,
        compared.mean_a,
        compared.mean_b,
        difference.mean,
        difference.low,
        difference.high,
        difference.median,
        test.p,
        p_holm,
    )


def _missing_notes(what: str, a: Iterable[str], b: Iterable[str]) -> list[str]:
    names_a, names_b = list(a), list(b)
    sides = {
        "A": [name for name in names_a if name not in set(names_b)],
        "B": [name for name in names_b if name not in set(names_a)],
    }
    return [
        f"Only in {side}, not compared: {_counted(len(names), what)} ({_listed(names)})."
        for side, names in sides.items()
        if names
    ]


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _method_notes(everything: _Comparison, seed: int) -> list[str]:
    notes = [
        "p: Wilcoxon signed-rank test over cases, two-sided, without equal pairs; "
        "p (Holm): corrected for the structures tested, so rows of several structures have none.",
        f"95 %: interval of the mean difference by BCa bootstrap, {RESAMPLES} resamples of the "
        f"cases, seed {seed}.",
    ]
    lone = everything.only_a + everything.only_b
    if lone:
        notes.append(
            f"{_counted(lone, 'value')} without a partner (a structure that is absent or has no "
            "distance on one side; 'only A', 'only B') are not compared: look at what was missed "
            "before judging distances."
        )
    return notes


def _power_notes(tests: list[PairedTest]) -> list[str]:
    """Return notes on comparisons in which no result could be significant."""
    tested = [test for test in tests if test.p is not None]
    notes = []
    untested = len(tests) - len(tested)
    if untested:
        notes.append(f"{_counted(untested, 'structure')} without a pair: no test.")
    most = max((test.pairs for test in tested), default=0)
    smallest = min(1.0, len(tested) * smallest_p(most))
    if tested and smallest > _LEVEL_OF_SIGNIFICANCE:
        notes.append(
            f"With at most {_counted(most, 'pair')} a structure, p (Holm) over {len(tested)} "
            f"structures cannot be below {smallest:.2g}: a large p says nothing here."
        )
    return notes
