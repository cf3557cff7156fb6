"""``amcnet check``: quality check of a segmentation."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.cli.options import (
    AxesOption,
    ColourChoice,
    ColourOption,
    LabelsOption,
    OverwriteOption,
    SeriesOption,
    SpacingOption,
)


def check(
    labels: Annotated[Path, typer.Argument(help="Label file to check.")],
    _input: InputOption = None,
    image: Annotated[
        Path | None, typer.Option(help="The volume that was segmented; it is checked too.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this JSON file.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE.html", help="Also write a page with pictures and sizes."
        ),
    ] = None,
    table: LabelsOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    series: SeriesOption = None,
    colour: ColourOption = ColourChoice.luma,
    overwrite: OverwriteOption = False,
) -> None:
    """Check a segmentation for missing, misplaced or implausible structures."""
    from amcnet.cli.console import stdout
    from amcnet.errors import OutputError
    from amcnet.io import Reading, check_free, check_output, is_same_file
    from amcnet.workflows.check_files import check_file, write_label_report
    from amcnet.workflows.label_names import find_label_names
    from amcnet.workflows.output_files import PAGE_EXTENSIONS, write_json

    if page is not None:
        check_output(page, overwrite, PAGE_EXTENSIONS)
    if json_file is not None:
        check_free(json_file, overwrite)
    for output in (path for path in (json_file, page) if path is not None):
        if any(is_same_file(output, path) for path in (labels, image) if path is not None):
            raise OutputError(f"{output}: is an input too, expected another name")
    names = None if table is None else find_label_names(table)
    reading = Reading(spacing, axes, series, colour.value)
    if page is None:
        report = check_file(labels, image, names, reading)
    else:
        report = write_label_report(page, labels, image, names, reading)
    if json_file is not None:
        write_json(json_file, report.to_dict())
    stdout().print(report.text())
