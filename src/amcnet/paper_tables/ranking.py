"""Compare the paper's ranking of the methods with the results, in generated sentences."""

from dataclasses import dataclass
from itertools import combinations, pairwise

from amcnet.metrics.paired import holm
from amcnet.paper_tables.paper_metrics import (
    PAPER_METRICS,
    SIGNIFICANT,
    PaperMetric,
    mean_of,
    paired_difference,
)
from amcnet.paper_tables.rows import ComparisonTable
from amcnet.paper_tables.table_markdown import (
    Results,
    best_here,
    finished_rows,
    known_differences,
    paper_difference,
)


@dataclass(frozen=True)
class PairOrder:
    """Two rows that differ in the paper, and their difference here.

    Attributes:
        better: Title of the row that is better in the paper.
        worse: Title of the other.
        gain: Mean advantage in the results; negative if it is worse.
        p: Of the paired test, corrected for the pairs of the table (Holm); None without pairs.
    """

    better: str
    worse: str
    gain: float
    p: float | None

    @property
    def holds(self) -> bool:
        """Whether the order here is the same as in the paper."""
        return self.gain > 0

    @property
    def is_significant(self) -> bool:
        """Whether the test confirms a difference."""
        return self.p is not None and self.p < SIGNIFICANT


def pair_orders(table: ComparisonTable, results: Results, figure: PaperMetric) -> list[PairOrder]:
    """Judge all pairs of finished rows that differ in the paper, by one of its metrics."""
    lines = [(line, line.paper) for line in finished_rows(table, results) if line.paper]
    found = []
    for (one, one_paper), (other, other_paper) in combinations(lines, 2):
        if one_paper is None or other_paper is None:
            continue
        lead = figure.gain(figure.of_paper(one_paper) - figure.of_paper(other_paper))
        if not lead:
            continue
        better, worse = (one, other) if lead > 0 else (other, one)
        here = paired_difference(results[better.row], results[worse.row], figure.metric)
        if here.mean is not None:
            gain = figure.gain(here.mean)
            found.append((better.title, worse.title, gain, here.test.p))
    corrected = holm([p for *_, p in found])
    return [
        PairOrder(better, worse, gain, p)
        for (better, worse, gain, _), p in zip(found, corrected, strict=True)
    ]


def order_text(table: ComparisonTable, results: Results) -> str:
    """Return a Markdown list: the paper's best row, pairs and differences, as found here."""
    lines = []
    for figure in PAPER_METRICS:
        orders = pair_orders(table, results, figure)
        if orders:
            lines.append(
                f"- **{figure.heading}.** {_best(table, results, figure)} {_pairs(orders)}"
            )
    for difference in known_differences(table, results):
        verdicts = [
            f"{figure.heading} {_verdict(figure.gain(paper), here)}"
            for figure in PAPER_METRICS
            if (paper := paper_difference(table, difference, figure)) is not None
            and (
                here := _here(
                    difference.row, best_here(difference, results, figure), results, figure
                )
            )
        ]
        if verdicts:
            lines.append(f"- **{difference.title}.** {'; '.join(verdicts)}.")
    return "\n".join(lines) + "\n"


def _here(
    row: str, other: str | None, results: Results, figure: PaperMetric
) -> tuple[float, float | None] | None:
    """Return the advantage of a row over another, and the p-value."""
    if other is None:
        return None
    found = paired_difference(results[row], results[other], figure.metric)
    if found.mean is None:
        return None
    return figure.gain(found.mean), found.test.p


def _verdict(paper_gain: float, here: tuple[float, float | None]) -> str:
    gain, p = here
    same = (gain > 0) == (paper_gain > 0) and gain != 0
    sure = p is not None and p < SIGNIFICANT
    text = "holds" if same else "does not hold"
    return text if sure else f"{text}, but not significantly"


def _best(table: ComparisonTable, results: Results, figure: PaperMetric) -> str:
    lines = finished_rows(table, results)
    paper = {line.title: figure.gain(figure.of_paper(line.paper)) for line in lines if line.paper}
    means = {line.title: mean_of(results[line.row], figure.metric) for line in lines}
    here = {title: figure.gain(mean) for title, mean in means.items() if mean is not None}
    first, ours = (max(values, key=values.__getitem__) for values in (paper, here))
    same = f"The best is {first}, here as in the paper."
    best = same if first == ours else f"The best is {first} in the paper, here {ours}."
    return f"{best} Best first, in the paper: {_ranking(paper)}; here: {_ranking(here)}."


def _ranking(gains: dict[str, float]) -> str:
    """Return titles, the best first; ties are joined by =."""
    titles = sorted(gains, key=gains.__getitem__, reverse=True)
    text = titles[0]
    for before, title in pairwise(titles):
        text += f" {'=' if gains[before] == gains[title] else '>'} {title}"
    return text


def _pairs(orders: list[PairOrder]) -> str:
    same = [order for order in orders if order.holds]
    other = [order for order in orders if not order.holds]
    text = f"Of {len(orders)} pairs of rows, {len(same)} have the paper's order"
    text += f" ({_significant(same)}) and {len(other)} do not ({_significant(other)})."
    reversed_ = [f"{o.worse} before {o.better}" for o in other if o.is_significant]
    return f"{text} Significantly reversed: {', '.join(reversed_)}." if reversed_ else text


def _significant(orders: list[PairOrder]) -> str:
    count = sum(order.is_significant for order in orders)
    return f"{count} significantly"
