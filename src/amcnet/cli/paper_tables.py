"""``amcnet paper-tables``: reproduce the paper's tables, from data to finished table."""

import sys
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer


class TableChoice(StrEnum):
    """The paper's tables."""

    table1 = "table1"
    table2 = "table2"


def paper_tables(
    table: Annotated[
        TableChoice,
        typer.Argument(
            help="table1: networks; table2: with and without the anatomy constraint, and branches."
        ),
    ],
    scale: Annotated[
        str,
        typer.Option(
            metavar="small|paper|FILE",
            help="small: some hours on two cores; paper: the paper's sizes, for GPUs; or a file of "
            "settings (TOML) like those in amcnet/paper_tables/settings.",
        ),
    ] = "small",
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Only these rows, separated by commas, such as unet,amcnet-ac.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Train with another seed on the same phantoms, in a separate folder.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Folder for data, runs, results and the page, shared by both tables. Finished "
            "parts are kept [default: runs/tables-SCALE, or runs/tables-SCALE-seed-SEED].",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that make phantoms.")] = 1,
) -> None:
    """Reproduce the paper's tables: train and score every network on the same data.

    An interrupted call can be repeated: finished rows are kept, and an unfinished row resumes from
    its last checkpoint. The table is rewritten after every row.
    """
    from amcnet.cli.training_output import let_threads_sleep, show_log

    let_threads_sleep()

    from amcnet.cli.console import progress, stdout
    from amcnet.extras import require_extra
    from amcnet.paper_tables.rows import rows_of
    from amcnet.paper_tables.scale import read_scale

    wanted = tuple(name.strip() for name in rows.split(",")) if rows else ()
    chosen, settings = rows_of(table.value, wanted), read_scale(scale)
    if seed is not None:
        settings = settings.with_seed(seed)
    require_extra("train", "amcnet paper-tables")
    from amcnet.paper_tables.table_run import run_table
    from amcnet.paper_tables.workspace import Workspace
    from amcnet.training import is_first_process
    from amcnet.training.hardware import settle_processes

    settle_processes(settings.hardware)
    workspace = Workspace(out or Path("runs") / f"tables-{settings.name}")
    if is_first_process():
        show_log()
    names = tuple(row.name for row in chosen)
    with progress("cases") as update:
        run_table(table.value, settings, workspace, names, jobs, update)
    if is_first_process():
        stdout().print(
            f"{workspace.folder / table.value}.md: the table; {workspace.results}: its figures"
        )


@wraps(paper_tables)
def benchmark(**arguments: Any) -> None:  # noqa: ANN401
    """Run ``amcnet paper-tables`` under its former name."""
    sys.stderr.write("amcnet: warning: 'benchmark' is now called 'paper-tables'\n")
    paper_tables(**arguments)
