"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer


class Spacing(NamedTuple):
    """Voxel size in mm. (For a plain tuple, Typer would expect three arguments.)"""

    scan: float
    lateral: float
    depth: float


def _parse_spacing(text: str) -> Spacing:
    """Parse a voxel size in mm, SCAN,LATERAL,DEPTH.

    >>> _parse_spacing("0.279,0.13,0.088")
    Spacing(scan=0.279, lateral=0.13, depth=0.088)
    """
    try:
        sizes = [float(part) for part in text.split(",")]
        scan, lateral, depth = sizes
        if not all(0 < size < float("inf") for size in sizes):
            raise ValueError
    except ValueError as error:
        raise typer.BadParameter(
            f"found '{text}', expected three sizes in mm above 0 such as 0.279,0.13,0.088"
        ) from error
    return Spacing(scan, lateral, depth)


class ColourChoice(StrEnum):
    """How images with colours are handled."""

    luma = "luma"
    refuse = "refuse"


LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="Source of the label names: dataset.json, an ITK-SNAP label description, or a model "
        "(its folder, model.json or installed name) [default: the file itself].",
        show_default=False,
    ),
]
SpacingOption = Annotated[
    Spacing | None,
    typer.Option(
        "--spacing",
        metavar="SCAN,LATERAL,DEPTH",
        parser=_parse_spacing,
        help="Voxel size in mm that overrides the file's, in this order.",
        show_default=False,
    ),
]
GridOption = Annotated[
    Spacing | None,
    typer.Option(
        "--grid",
        metavar="SCAN,LATERAL,DEPTH",
        parser=_parse_spacing,
        help="Voxel size of the network's grid in mm [default: planned from the data].",
        show_default=False,
    ),
]
AxesOption = Annotated[
    str,
    typer.Option(
        "--axes",
        metavar="X,Y,Z",
        help="Meaning of the files' x, y, z axes, for example 'depth,lateral,scan' or "
        "'lateral,depth,-scan' (a minus reverses an axis) [default: by direction cosines].",
        show_default=False,
    ),
]
SearchedAxesOption = Annotated[
    str,
    typer.Option(
        "--axes",
        metavar="X,Y,Z",
        help="Meaning of the file's x, y, z axes, for example 'depth,lateral,scan' or "
        "'lateral,depth,-scan' (a minus reverses an axis); 'search' tries them all "
        "[default: by direction cosines, then a search if no hand is found]",
        show_default=False,
    ),
]
ColourOption = Annotated[
    ColourChoice,
    typer.Option(
        "--colour",
        help="Images with colours (captions, logos): use their luma with a warning, or refuse.",
    ),
]
SeriesOption = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="UID-OR-NUMBER",
        help="UID or number of the series, for a DICOM input with several.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Folder of a model bundle or name of an installed model; if repeated, the logits "
        "are averaged [default: the bundled model].",
        show_default=False,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Write a page with verdict, pictures and sizes; for several inputs, a folder.",
        show_default=False,
    ),
]
