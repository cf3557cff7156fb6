"""``amcnet labels``: the label table, on the terminal or as a file."""

from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.options import LabelsOption
from amcnet.errors import count_text


def labels(
    source: LabelsOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file: .txt or .label for ITK-SNAP, .json for a dataset.json "
            "[default: print].",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """List label values with names and colours, or write them to a file."""
    from amcnet.anatomy import hand_label_table
    from amcnet.cli.console import stdout
    from amcnet.data import LabelNames, write_label_file
    from amcnet.errors import one_line
    from amcnet.workflows.label_names import find_label_names

    names = LabelNames(hand_label_table()) if source is None else find_label_names(source)
    if output is not None:
        write_label_file(output, names, overwrite)
        stdout().print(
            f"{output}: {count_text(len(names.table) - len(names.placeholders), 'structure')}"
        )
        return
    for structure in names.table:
        color = "#" + "".join(f"{channel:02x}" for channel in structure.color_rgb)
        stdout().print(f"{structure.value:3d}  {color}  {one_line(structure.name)}")
