"""``amcnet prepare``: check a data set and prepare it for training."""

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.cli.options import (
    AxesOption,
    ColourChoice,
    ColourOption,
    GridOption,
    SpacingOption,
)
from amcnet.errors import ConfigError, InputError, count_text

if TYPE_CHECKING:
    from amcnet.data.dataset_check import CheckReport
    from amcnet.data.problems import Problem


def prepare(
    dataset: Annotated[
        Path,
        typer.Argument(help="Data set: nnU-Net's raw layout, or a folder of images and labels."),
    ],
    _input: InputOption = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the prepared data set and its config.toml."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check, write nothing.")] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Names of the label values: dataset.json or an ITK-SNAP label description "
            "[default: found in the data set]."
        ),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Prepare to fine-tune this model: a bundle's folder or name, 'hand' for the one "
            "that ships with the package.",
        ),
    ] = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    colour: ColourOption = ColourChoice.luma,
    grid: GridOption = None,
    window: Annotated[int | None, typer.Option(help="Slices per window.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Folds of a cross-validation [default: one 75/25 split].")
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time for training, such as 8h or 30m: the network is sized for this time and "
            "this machine.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split and the training.")] = 0,
    jobs: Annotated[
        int, typer.Option(help="Number of processes; each holds one volume in memory.")
    ] = 1,
) -> None:
    """Check a data set and prepare it for training."""
    from amcnet.cli.console import progress, stdout
    from amcnet.cli.training_output import hours_of
    from amcnet.data.dataset_check import check_dataset
    from amcnet.data.problems import merge_problems
    from amcnet.extras import require_extra
    from amcnet.io import Reading

    if out is None and not check:
        raise ConfigError("--out: is missing, expected a folder, or --check")
    with progress("checking") as update:
        report = check_dataset(
            dataset, labels, jobs, update, Reading(spacing, axes, colour=colour.value)
        )
    if report.problems:
        stdout().print(_table(merge_problems(report.problems)))
    if report.proposal:
        _show_proposal(dataset, report)
    if report.errors or report.dataset is None:
        # The last line says enough for programs that show nothing else.
        first = f" ({report.errors[0].what})" if report.errors else ""
        raise InputError(
            f"{dataset}: {_counted(report.errors, 'error')}{first} and "
            f"{_counted(report.warnings, 'warning')}, nothing was written"
        )
    cases, table = report.dataset.cases, report.dataset.table
    found = f"{_counted(cases, 'case')}, {_counted(table, 'structure')}"
    if check or out is None:
        stdout().print(f"{dataset}: {found}, no errors")
        return
    require_extra("train", "amcnet prepare")
    from amcnet.training.setup import PrepareOptions
    from amcnet.training.setup import prepare as run

    options = PrepareOptions(start_from, grid, window, folds, seed, jobs, hours_of(max_time))
    with progress("preparing") as update:
        preparation = run(report, out, options, update)
    for reason in preparation.reasons:
        stdout().print(f"- {reason}")
    config = preparation.refiner_config or preparation.config
    source = preparation.refiner_config or out
    stdout().print(f"{out}: {found}; review {config}, then: amcnet train {source}")


def _counted(items: Sized, noun: str) -> str:
    return f"{len(items)} {noun}" + ("" if len(items) == 1 else "s")


def _table(problems: "tuple[Problem, ...]") -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "case", "problem"):
        table.add_column(column, overflow="fold")
    for problem in problems:
        table.add_row(problem.severity, problem.case or "(all)", problem.what)
    return table


def _show_proposal(dataset: Path, report: "CheckReport") -> None:
    from amcnet.cli.console import stdout

    voxels: dict[int, int] = {}
    for case in report.properties:
        for value, count in case.voxels.items():
            voxels[value] = voxels.get(value, 0) + count
    found = ", ".join(f"{value} ({count_text(voxels[value], 'voxel')})" for value in sorted(voxels))
    console = stdout()
    console.print(f"Label values found: {found}.")
    console.print(f"Copy this to {dataset / 'dataset.json'} and give the structures their names:")
    console.print(report.proposal, soft_wrap=True)
