"""``amcnet check``: say what is suspicious in a segmentation."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.options import LabelsOption


def check(
    labels: Annotated[Path, typer.Argument(help="Label file to check.")],
    image: Annotated[
        Path | None, typer.Option(help="The volume that was segmented, checked too.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file.")
    ] = None,
    table: LabelsOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Check a segmentation: missing, in pieces, out of order, implausible sizes, cut off."""
    from amcnet.cli.console import stdout
    from amcnet.errors import OutputError
    from amcnet.io import check_free, is_same_file
    from amcnet.quality import check_file
    from amcnet.report.evaluation import find_label_table, write_json

    if json_file is not None:
        check_free(json_file, overwrite)
        if any(is_same_file(json_file, path) for path in (labels, image) if path is not None):
            raise OutputError(f"{json_file}: is an input too, expected another name")
    report = check_file(labels, image, None if table is None else find_label_table(table))
    if json_file is not None:
        write_json(json_file, report.to_dict())
    stdout().print(report.text())
