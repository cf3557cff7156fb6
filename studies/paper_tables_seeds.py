"""Effect of another seed on the paper's tables: a section of their page.

    amcnet paper-tables table2 --seed 2
    python -m tools.paper_tables_page --from runs/tables-small-seed-2/results --seed 2

The first command takes an hour for a table; --rows runs only some rows.
"""

from pathlib import Path

from amcnet.paper_tables.paper_metrics import PAPER_METRICS, mean_of, paired_difference
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
    "metric shows what a single training run cannot tell, and what is not included in the "
    "intervals over the unseen hands."
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
    columns += [
        Column(f"{figure.key}_{seed}", f"{figure.heading}, seed {seed}")
        for figure in PAPER_METRICS
        for seed in seeds
    ]
    kept = [{row: run[row] for row in common} for run in runs]
    rows = (*_means(table, kept), *_differences(table, kept))
    body = table_body(SummaryTable("Another seed", tuple(columns), rows))
    return f"## Another seed\n\n{INTRODUCTION}\n\n{body}"


def _means(table: ComparisonTable, runs: list[Results]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (
            line.title,
            *(mean_of(run[line.row], figure.metric) for figure in PAPER_METRICS for run in runs),
        )
        for line in finished_rows(table, runs[0])
    )


def _differences(table: ComparisonTable, runs: list[Results]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        (
            difference.title,
            *(
                paired_difference(run[difference.row], run[difference.to[0]], figure.metric).mean
                for figure in PAPER_METRICS
                for run in runs
            ),
        )
        for difference in known_differences(table, runs[0])
        if len(difference.to) == 1
    )


def _seed(result: RowResult) -> int:
    return int(result.facts.settings["seed"])
