"""``amcnet compare-results``: test whether two results differ, structure by structure."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.errors import count_text


def compare_results(
    a: Annotated[
        Path,
        typer.Argument(
            help="Evaluations: one .json file of many cases, or a folder of .json files."
        ),
    ],
    b: Annotated[Path, typer.Argument(help="Evaluations of the same cases by another method.")],
    _input: InputOption = None,
    metric: Annotated[
        str, typer.Option(help="Metric of the structures, such as hd95_mm or jaccard.")
    ] = "dice",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write the table to this file (.md .csv .json) instead of stdout.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Compare two evaluations case by case: differences and Wilcoxon's test."""
    from amcnet.cli.console import stdout
    from amcnet.io import check_output
    from amcnet.report.paired_comparison import ResultSet, comparison_table
    from amcnet.report.summary_table import markdown
    from amcnet.workflows.evaluate.results import check_not_an_input, read_gaps, read_results
    from amcnet.workflows.output_files import TABLE_EXTENSIONS, write_table

    if output is not None:
        check_output(output, overwrite, TABLE_EXTENSIONS)
        for path in (a, b):
            check_not_an_input(output, path)
    first, second = (ResultSet(str(path), read_results(path), read_gaps(path)) for path in (a, b))
    table = comparison_table(first, second, metric)
    if output is None:
        stdout().print(markdown(table), end="")
        return
    write_table(output, table)
    stdout().print("\n".join([*table.notes, f"{output}: {count_text(len(table.rows), 'row')}"]))
