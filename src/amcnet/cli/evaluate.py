"""``amcnet evaluate``: compare labels with a reference."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    reference: Annotated[Path, typer.Argument(help="Label file that counts as true.")],
    prediction: Annotated[Path, typer.Argument(help="Label file to judge.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this file.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What names the labels: dataset.json, an ITK-SNAP label description, or a model "
            "(its folder, model.json or installed name) [default: the hand's 38].",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Evaluate a segmentation: overlap, distances and lengths, per structure and in all."""
    from amcnet.cli.console import stdout
    from amcnet.errors import OutputError
    from amcnet.io import check_free, is_same_file
    from amcnet.report.evaluation import evaluate_files, find_label_table, summary_table, write_json

    if json_file is not None:
        check_free(json_file, overwrite)
        if is_same_file(json_file, reference) or is_same_file(json_file, prediction):
            raise OutputError(f"{json_file}: is an input too, expected another name")
    table = None if labels is None else find_label_table(labels)
    result = evaluate_files(reference, prediction, table)
    if json_file is not None:
        write_json(json_file, result)
    stdout().print(summary_table(result))
