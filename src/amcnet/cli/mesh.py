"""``amcnet mesh``: surfaces of structures as files."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from amcnet.cli.input_option import InputOption
from amcnet.cli.options import AxesOption, LabelsOption, SpacingOption
from amcnet.errors import count_text


class MeshFormat(StrEnum):
    """Formats of surface files."""

    stl = "stl"
    glb = "glb"
    ply = "ply"
    vtp = "vtp"


def mesh(
    labels: Annotated[Path, typer.Argument(help="Label file.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="Folder for one file per structure, or NAME.glb for all in one file.",
        ),
    ],
    _input: InputOption = None,
    extension: Annotated[
        MeshFormat,
        typer.Option("--format", case_sensitive=False, help="Format of the files in a folder."),
    ] = MeshFormat.stl,
    structures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRUCTURES",
            help="Only these: names, kinds (bones, epiphyses) or groups (thumb), separated by "
            "commas; repeatable.",
            show_default=False,
        ),
    ] = None,
    smooth: Annotated[
        str | None,
        typer.Option(
            metavar="MM",
            help="Standard deviation of the smoothing, which keeps the volume, or none "
            "[default: the longest edge of a voxel].",
            show_default=False,
        ),
    ] = None,
    table: LabelsOption = None,
    axes: AxesOption = "auto",
    spacing: SpacingOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write closed surfaces of structures in mm and patient coordinates (LPS)."""
    from amcnet.cli.console import stdout
    from amcnet.io import Reading
    from amcnet.labelmaps.selection import find_structures
    from amcnet.mesh import find_surfaces
    from amcnet.workflows.label_names import find_label_names, names_of_files, read_known_labels
    from amcnet.workflows.mesh import check_mesh_output, write_surfaces

    smooth_mm = _smooth_mm(smooth)
    reading = Reading(spacing, axes)
    given = None if table is None else find_label_names(table)
    names = names_of_files([labels], reading) if given is None else given
    known = names.table
    values = find_structures(known, structures) if structures else None
    check_mesh_output(output, known, f".{extension.value}", overwrite)
    volume = read_known_labels(labels, names, reading)
    surfaces = find_surfaces(volume, known, values, smooth_mm)
    written = write_surfaces(output, surfaces, known, f".{extension.value}", overwrite)
    triangles = sum(len(surface.triangles) for surface in written)
    stdout().print(
        f"{output}: {count_text(len(written), 'surface')}, {count_text(triangles, 'triangle')}"
    )


def _smooth_mm(text: str | None) -> float | None:
    from math import isfinite

    from amcnet.errors import ConfigError

    if text is None or text.strip().lower() == "none":
        return None if text is None else 0.0
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (isfinite(value) and value >= 0):
        raise ConfigError(f"--smooth: found '{text}', expected a length in mm or none")
    return value
