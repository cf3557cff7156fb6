"""The tables of a comparison as Markdown, from the results of its finished rows."""

from collections.abc import Mapping

from amcnet.metrics.paired import holm
from amcnet.metrics.statistics import describe
from amcnet.paper_tables.paper_metrics import (
    ALL_METRICS,
    PAPER_METRICS,
    PaperMetric,
    mean_of,
    p_text,
    paired_difference,
    with_interval,
)
from amcnet.paper_tables.row_results import RowResult
from amcnet.paper_tables.rows import ComparisonTable, Difference, TableRow
from amcnet.report.summary_table import Cell, Column, SummaryTable, markdown

Results = Mapping[str, RowResult]
GIVEN_UP_DICE = 0.05  # mean Dice of a structure below which it counts as never found


def finished_rows(table: ComparisonTable, results: Results) -> list[TableRow]:
    """Return the rows of a table that have results, in its order."""
    return [line for line in table.rows if line.row in results]


def headline_table(table: ComparisonTable, results: Results) -> str:
    """Return the paper's five metrics: our results with intervals, and the paper's."""
    lines = finished_rows(table, results)
    has_paper = any(line.paper for line in lines)
    columns = [Column("method", "method"), Column("sees", "sees"), Column("loss", "loss")]
    for figure in PAPER_METRICS:
        columns.append(Column(figure.key, f"{figure.heading} here"))
        if has_paper:
            columns.append(Column(f"{figure.key}_paper", "paper"))
    rows = []
    for line in lines:
        facts = results[line.row].facts
        cells: list[Cell] = [line.title, facts.dimension, facts.loss]
        for figure in PAPER_METRICS:
            cells.append(with_interval(describe(results[line.row].values(figure.metric))))
            if has_paper:
                cells.append(figure.of_paper(line.paper) if line.paper else None)
        rows.append(tuple(cells))
    return table_body(SummaryTable(table.title, tuple(columns), tuple(rows)))


def all_metrics_table(table: ComparisonTable, results: Results) -> str:
    """Return every metric with its interval, one row per metric and one column per method."""
    lines = finished_rows(table, results)
    columns = (
        Column("metric", "metric"),
        Column("of", "of"),
        *(Column(line.row, line.title) for line in lines),
    )
    rows = tuple(
        (
            metric,
            kind,
            *(with_interval(describe(results[line.row].values(metric, kind))) for line in lines),
        )
        for metric, kind in ALL_METRICS
        if all(_has(results[line.row], metric, kind) for line in lines)
    )
    return table_body(SummaryTable(table.title, columns, rows))


def given_up(result: RowResult) -> int:
    """Return the number of structures that a row never learnt."""
    return sum(dice < GIVEN_UP_DICE for dice in result.facts.structure_dice.values())


def structures_table(table: ComparisonTable, results: Results) -> str:
    """Return the mean Dice of every structure, and the number of structures never learnt."""
    lines = finished_rows(table, results)
    found = [results[line.row] for line in lines]
    names = list(found[0].facts.structure_dice) if found else []
    columns = (Column("structure", "structure"), *(Column(line.row, line.title) for line in lines))
    rows: tuple[tuple[Cell, ...], ...] = (
        (f"below {GIVEN_UP_DICE:g}, of {len(names)}", *map(given_up, found)),
        *((name, *(result.facts.structure_dice.get(name) for result in found)) for name in names),
    )
    return table_body(SummaryTable(table.title, columns, rows))


def paired_tests_table(table: ComparisonTable, results: Results) -> str:
    """Return every other row tested against ours; p is corrected over the rows, by Holm."""
    others = [line for line in finished_rows(table, results) if line.row != table.ours]
    columns = [Column("method", "AMCNet + AC minus")]
    cells: list[list[Cell]] = [[line.title] for line in others]
    for figure in PAPER_METRICS:
        found = [
            paired_difference(results[table.ours], results[line.row], figure.metric)
            for line in others
        ]
        corrected = holm([one.test.p for one in found])
        columns += [Column(figure.key, figure.heading), Column(f"{figure.key}_p", "p (Holm)")]
        for row, one, p in zip(cells, found, corrected, strict=True):
            row += [with_interval(one.statistics, signed=True), p_text(p)]
    return table_body(SummaryTable(table.title, tuple(columns), tuple(map(tuple, cells))))


def differences_table(table: ComparisonTable, results: Results) -> str:
    """Return the differences discussed in the paper's text, in our results and in the paper."""
    columns = [Column("difference", "difference")]
    for figure in PAPER_METRICS:
        columns.append(Column(figure.key, f"{figure.heading} here"))
        columns.append(Column(f"{figure.key}_paper", "paper", "+.3f"))
    rows = []
    for difference in known_differences(table, results):
        cells: list[Cell] = [difference.title]
        for figure in PAPER_METRICS:
            best = best_here(difference, results, figure)
            cells += [
                "-" if best is None else _difference_here(difference, best, results, figure),
                paper_difference(table, difference, figure),
            ]
        rows.append(tuple(cells))
    return table_body(SummaryTable(table.title, tuple(columns), tuple(rows)))


def costs_table(table: ComparisonTable, results: Results) -> str:
    """Return the costs of each row."""
    columns = (
        Column("method", "method"),
        Column("width", "width"),
        Column("parameters", "parameters, M", ".2f"),
        Column("rate", "learning rate", "g"),
        Column("steps", "steps"),
        Column("minutes", "training, min", ".1f"),
        Column("seconds", "a volume, s", ".2f"),
    )
    rows = []
    for line in finished_rows(table, results):
        facts = results[line.row].facts
        rows.append(
            (
                line.title,
                int(facts.settings["network"]["width"]),
                facts.parameters / 1e6,
                float(facts.settings["optimiser"]["learning_rate"]),
                facts.steps,
                60 * facts.training_hours,
                facts.seconds_per_volume,
            )
        )
    return table_body(SummaryTable(table.title, columns, tuple(rows)))


def known_differences(table: ComparisonTable, results: Results) -> list[Difference]:
    """Return the differences whose rows are all finished."""
    return [d for d in table.differences if all(row in results for row in (d.row, *d.to))]


def best_here(difference: Difference, results: Results, figure: PaperMetric) -> str | None:
    """Return the row that a difference is compared with, the best by its mean, or None."""
    means = {row: mean_of(results[row], figure.metric) for row in difference.to}
    known = {row: figure.gain(mean) for row, mean in means.items() if mean is not None}
    return max(known, key=known.__getitem__, default=None)


def paper_difference(
    table: ComparisonTable, difference: Difference, figure: PaperMetric
) -> float | None:
    """Return a difference in the paper; None if the paper lacks a row."""
    papers = {line.row: line.paper for line in table.rows}
    own, others = papers.get(difference.row), [papers.get(row) for row in difference.to]
    if own is None or any(other is None for other in others):
        return None
    values = [figure.of_paper(other) for other in others if other is not None]
    best = max(values) if figure.higher_is_better else min(values)
    return figure.of_paper(own) - best


def _difference_here(
    difference: Difference, best: str, results: Results, figure: PaperMetric
) -> str:
    found = paired_difference(results[difference.row], results[best], figure.metric)
    text = f"{with_interval(found.statistics, signed=True)}, p {p_text(found.test.p)}"
    return f"{text}, to {best}" if len(difference.to) > 1 else text


def _has(result: RowResult, metric: str, kind: str) -> bool:
    return all(metric in kinds.get(kind, {}) for kinds in result.cases.values())


def table_body(table: SummaryTable) -> str:
    """Return a table as Markdown without its heading, whose level depends on the page."""
    return markdown(table).partition("\n\n")[2]
