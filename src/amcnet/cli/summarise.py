"""``amcnet summarise``: statistics over the cases of an evaluation."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.errors import count_text


def summarise(
    results: Annotated[
        Path,
        typer.Argument(
            help="Evaluations: one .json file of many cases, or a folder of .json files."
        ),
    ],
    _input: InputOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write the table to this file (.md .csv .json) instead of stdout.",
        ),
    ] = None,
    boxplots: Annotated[
        Path | None,
        typer.Option(help="Draw a box plot per structure (.png .pdf .svg)."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric of the structures, such as jaccard or assd_mm; repeatable "
            "[default: dice and hd95_mm].",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Summarise evaluations over cases: mean, SD, median, 95 % interval."""
    from amcnet.cli.console import stdout
    from amcnet.io import check_output
    from amcnet.report.boxplots import boxplot_figure
    from amcnet.report.statistics_table import DEFAULT_METRICS, statistics_table
    from amcnet.report.summary_table import markdown
    from amcnet.workflows.evaluate.results import check_not_an_input, read_gaps, read_results
    from amcnet.workflows.output_files import (
        FIGURE_EXTENSIONS,
        TABLE_EXTENSIONS,
        write_figure,
        write_table,
    )

    targets = {output: TABLE_EXTENSIONS, boxplots: FIGURE_EXTENSIONS}
    for path, extensions in targets.items():
        if path is not None:
            check_output(path, overwrite, extensions)
            check_not_an_input(path, results)
    cases = read_results(results)
    metrics = tuple(metric or DEFAULT_METRICS)
    gaps = read_gaps(results)
    table = statistics_table(cases, metrics, gaps=gaps)
    if boxplots is not None:
        write_figure(boxplots, boxplot_figure(cases, metrics))
        stdout().print(f"{boxplots}: {count_text(len(cases), 'case')}")
    if output is None:
        stdout().print(markdown(table), end="")
    else:
        write_table(output, table)
        stdout().print(
            "\n".join(
                [
                    *gaps.notes(),
                    f"{output}: {count_text(len(table.rows), 'row')}, "
                    f"{count_text(len(cases), 'case')}",
                ]
            )
        )
