"""Effect of another seed on the paper's tables: a section of their page.

    amcnet paper-tables table2 --seed 2
    python -m tools.paper_tables_page --from runs/tables-small-seed-2/results --seed 2

The first command takes an hour for a table; --rows runs only some rows.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.metrics.run_statistics import describe_runs
from amcnet.metrics.statistics import describe
from amcnet.paper_tables.paper_metrics import PAPER_METRICS, paired_difference, with_interval
from amcnet.paper_tables.row_results import RowResult, read_finished
from amcnet.paper_tables.rows import ComparisonTable
from amcnet.paper_tables.table_markdown import (
    Results,
    finished_rows,
    known_differences,
    table_body,
)
from amcnet.report.summary_table import Cell, Column, SummaryTable

INTRODUCTION = (
    "Rows trained on the same phantoms with another seed: other initial weights, another order, "
    "another augmentation, three other hands held out. The difference between two columns of a "
    "metric shows what a single training run cannot tell. The intervals include it: they are those "
    "of a bootstrap over trainings and unseen hands, and with so few trainings still too narrow."
)


def seed_folder(results: Path, seed: int) -> Path:
    """Return the folder of the results of another seed."""
    return results / f"seed-{seed}"


def seeds_section(table: ComparisonTable, results: Path) -> str:
    """Return the section about the rows that were run with every seed; empty if there are none."""
    folders = sorted(results.glob("seed-*"))
    runs = [read_finished(folder, table.names) for folder in (results, *folders)]
    common = set.intersection(*(set(run) for run in runs))
    if not folders or not common:
        return ""
    seeds = [_seed(next(iter(run.values()))) for run in runs]
    columns = [Column("what", "row, or difference of two")]
    for figure in PAPER_METRICS:
        columns += [Column(f"{figure.key}_{s}", f"{figure.heading}, seed {s}") for s in seeds]
        columns += [Column(figure.key, f"{figure.heading}, all seeds")]
    kept = [{row: run[row] for row in common} for run in runs]
    rows = (*_means(table, kept), *_differences(table, kept))
    body = table_body(SummaryTable("Another seed", tuple(columns), rows))
    return f"## Another seed\n\n{INTRODUCTION}\n\n{body}"


def _means(table: ComparisonTable, runs: Sequence[Results]) -> tuple[tuple[Cell, ...], ...]:
    def values(run: Results, metric: str, row: str) -> NDArray[np.float64]:
        return run[row].values(metric)

    return tuple(
        (line.title, *_cells(partial(values, row=line.row), runs))
        for line in finished_rows(table, runs[0])
    )


def _differences(table: ComparisonTable, runs: Sequence[Results]) -> tuple[tuple[Cell, ...], ...]:
    def minus(run: Results, metric: str, one: str, other: str) -> NDArray[np.float64]:
        return paired_difference(run[one], run[other], metric).values

    return tuple(
        (
            difference.title,
            *_cells(partial(minus, one=difference.row, other=difference.to[0]), runs),
        )
        for difference in known_differences(table, runs[0])
        if len(difference.to) == 1
    )


def _cells(
    values_of: Callable[[Results, str], NDArray[np.float64]], runs: Sequence[Results]
) -> Iterator[Cell]:
    """Yield the mean of each run and that of all runs with its interval, metric by metric."""
    for figure in PAPER_METRICS:
        values = np.stack([values_of(run, figure.metric) for run in runs])
        yield from (describe(one).mean for one in values)
        yield with_interval(describe_runs(values))


def _seed(result: RowResult) -> int:
    return int(result.facts.settings["seed"])
