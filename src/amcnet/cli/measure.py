"""``amcnet measure``: sizes of labelled structures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.console import tell
from amcnet.cli.input_option import InputOption
from amcnet.cli.options import AxesOption, LabelsOption, SpacingOption
from amcnet.errors import one_line

if TYPE_CHECKING:
    from amcnet.measurement import Measurement
    from amcnet.workflows.measure import FileMeasurements


def measure(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Label files, or folders (their .seg.nrrd files, else all volumes)."),
    ],
    _input: InputOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write one table of all files: .csv .json .md [default: print].",
            show_default=False,
        ),
    ] = None,
    labels: LabelsOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Measure structures: volume, length, width, thickness, surface area."""
    from amcnet.cli.console import stdout
    from amcnet.io import Reading, check_output
    from amcnet.workflows.label_names import find_label_names
    from amcnet.workflows.measure import find_label_files, measure_files
    from amcnet.workflows.measurement_tables import write_file_measurements
    from amcnet.workflows.output_files import TABLE_EXTENSIONS

    if output is not None:
        check_output(output, overwrite, TABLE_EXTENSIONS)
    names = None if labels is None else find_label_names(labels)
    table, ignore_value = (None, None) if names is None else (names.table, names.ignore_value)
    reading, outcomes = Reading(spacing, axes), []
    for outcome in measure_files(find_label_files(inputs), table, ignore_value, reading):
        outcomes.append(outcome)
        if outcome.result is None:
            tell(f"{outcome.error}")
        elif output is None:
            stdout().print("\n".join(_lines(outcome.source, outcome.result)))
        else:
            present = sum(one.present for one in outcome.result.measurements)
            total = len(outcome.result.measurements)
            found = f"{present} of {total} structures measured"
            stdout().print(one_line(f"{outcome.source}: {found}"))
    failed = [str(outcome.source) for outcome in outcomes if outcome.failed]
    if output is not None and len(failed) < len(outcomes):
        write_file_measurements(output, outcomes, overwrite)
    if failed:
        if len(outcomes) > 1:
            count = f"{len(failed)} of {len(outcomes)}"
            tell(f"{count} not measured: {', '.join(failed)}")
        raise typer.Exit(2)


def _lines(source: Path, result: "FileMeasurements") -> list[str]:
    """Return the sizes of a file's structures as a plain-text table."""
    from amcnet.text_layout import WIDTH, plain_table, wrapped

    has_ends = any(one.growth_end for one in result.measurements)
    headings = ["long\nmm", "wide\nmm", "thick\nmm", "vol.\nmm3", "area\nmm2"]
    rows = []
    for one in result.measurements:
        cells = [_text(value) for value in _sizes(one)]
        if has_ends:
            ratio = None if one.growth_end is None else one.growth_end.width_ratio
            cells.append("" if one.growth_end is None else _text(ratio, 2))
        rows.append((one_line(one.name), cells))
    lines = [one_line(f"{source}:")]
    if has_ends:
        headings.append("ratio")
    lines += plain_table("structure", headings, rows)
    if has_ends:
        lines += wrapped("ratio: width of the epiphysis over that of its shaft's end.", WIDTH)
    return lines


def _sizes(one: "Measurement") -> tuple[float | None, ...]:
    return one.length_mm, one.width_mm, one.thickness_mm, one.volume_mm3, one.surface_area_mm2


def _text(value: float | None, decimals: int = 1) -> str:
    """Return a number of at most five characters, unless it has five digits before the point."""
    if value is None:
        return "-"
    return f"{value:.{decimals if value < 1000 else 0}f}"
