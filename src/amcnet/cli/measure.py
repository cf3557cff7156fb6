"""``amcnet measure``: sizes of labelled structures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.console import tell
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
    """Return the sizes of a file's structures as a plain-text table, as wide as needed."""
    has_ends = any(one.growth_end for one in result.measurements)
    names = [one_line(one.name) for one in result.measurements]
    width = max(map(len, names), default=0)
    head = ["length", "width", "thick", "mm3", "mm2", *(["ratio"] if has_ends else [])]
    lines = [one_line(f"{source}: extents in mm, volume, surface area") + _ratio_note(has_ends)]
    lines.append("  " + " " * width + "".join(f"{name:>9}" for name in head))
    for name, one in zip(names, result.measurements, strict=True):
        cells = [_text(value, 1) for value in _sizes(one)]
        if one.growth_end is not None:
            cells.append(_text(one.growth_end.width_ratio, 2))
        lines.append(f"  {name:<{width}}" + "".join(f"{cell:>9}" for cell in cells))
    return lines


def _ratio_note(has_ends: bool) -> str:
    return ", width of the epiphysis over that of its shaft's end" if has_ends else ""


def _sizes(one: "Measurement") -> tuple[float | None, ...]:
    return one.length_mm, one.width_mm, one.thickness_mm, one.volume_mm3, one.surface_area_mm2


def _text(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
