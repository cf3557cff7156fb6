"""``amcnet view``: look at a volume and its structures in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.cli.options import (
    AxesOption,
    ColourChoice,
    ColourOption,
    LabelsOption,
    SeriesOption,
    SpacingOption,
)


def view(
    volume: Annotated[Path, typer.Argument(help="Volume: a file, or DICOM (folder, .zip).")],
    labels: Annotated[
        Path | None,
        typer.Argument(
            help="Its labels; without them, only the volume is shown (it is not segmented)."
        ),
    ] = None,
    _input: InputOption = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="A second segmentation of the volume, shown next to the first.",
            show_default=False,
        ),
    ] = None,
    table: LabelsOption = None,
    series: SeriesOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    colour: ColourOption = ColourChoice.luma,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="Port on this machine [default: any that is free].",
            show_default=False,
        ),
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Show slices, 3D, names, sizes and the verdict in the browser until Ctrl-C."""
    import signal
    import webbrowser

    from amcnet.cli.console import progress, stdout
    from amcnet.io import Reading
    from amcnet.viewer import PageServer, page_resources, read_scene, redirect_file
    from amcnet.workflows.label_names import find_label_names

    names = None if table is None else find_label_names(table)
    how = Reading(spacing, axes, series, colour.value)
    with progress("reading") as update:
        scene = read_scene(volume, labels, names, how, update, compare)
    for name in ("SIGTERM", "SIGHUP"):  # clean up; Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    with (
        PageServer(page_resources(scene), port) as server,
        redirect_file(server.new_link()) as redirect,
    ):
        console = stdout()
        try:
            console.print(server.new_link())
            console.print("Only this machine can open it, once. Ctrl-C ends the viewer.")
            # A text-mode browser returns only when it is closed.
            if browser and not webbrowser.open(redirect.as_uri()):
                console.print("No browser could be opened: open the address above yourself.")
            server.wait()
        except KeyboardInterrupt:
            console.print("ended")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
