"""``amcnet dataset``: build a data set of corrected cases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.input_option import InputCommand, InputOption
from amcnet.cli.options import (
    AxesOption,
    ColourChoice,
    ColourOption,
    SeriesOption,
    SpacingOption,
)
from amcnet.errors import ConfigError

if TYPE_CHECKING:
    from amcnet.anatomy import LabelTable

app = typer.Typer(
    help="Build a data set of your own corrected scans.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Build a data set of your own corrected scans."""


@app.command(cls=InputCommand)
def add(
    image: Annotated[Path, typer.Argument(help="The scan.")],
    labels: Annotated[Path, typer.Argument(help="Its corrected labels.")],
    to: Annotated[Path, typer.Option("--to", help="Folder of the data set, created if missing.")],
    _input: InputOption = None,
    corrected: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Structure that was corrected; may be repeated."),
    ] = None,
    unsure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Structure to exclude from training (ignore label)."),
    ] = None,
    label_file: Annotated[
        Path | None,
        typer.Option("--labels", help="Names of the label values, for the first case."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model that made the labels, 'hand' for the bundled one: its structures become "
            "those of a new data set."
        ),
    ] = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    series: SeriesOption = None,
    colour: ColourOption = ColourChoice.luma,
) -> None:
    """Add a scan and its corrected labels, without the patient's identity."""
    from amcnet.cli.console import stdout
    from amcnet.data import Correction, add_case
    from amcnet.io import Reading

    if label_file is not None and model is not None:
        raise ConfigError("found --labels and --model, expected only one of them")
    names: Path | LabelTable | None = label_file
    if model is not None:
        from amcnet.bundle import load_bundle

        names = load_bundle(model).description.label_table
    reading = Reading(spacing, axes, series, colour.value)
    correction = Correction(corrected or (), unsure or ())
    case = add_case(image, labels, to, correction, names, reading)
    stdout().print(f"{to}: added as {case}; next: amcnet prepare {to} -o prepared")
