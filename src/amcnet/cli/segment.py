"""``amcnet segment``: label the bones in volumes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class BackendChoice(StrEnum):
    """What can run the network."""

    openvino = "openvino"
    torch = "torch"


def segment(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Volumes: .nrrd .nhdr .mha .mhd .nii .nii.gz; for a model of several channels "
            "NAME_0000.EXT, the others are found beside it"
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="File (.seg.nrrd .nrrd .nii.gz .nii .mha), or an existing folder, which gets "
            "one .seg.nrrd for each input.",
        ),
    ],
    axes: Annotated[
        str,
        typer.Option(
            help="What the file's x, y, z axes mean, for example 'depth,lateral,scan' or "
            "'lateral,depth,-scan' (a minus: runs the other way) [default: by direction cosines]",
            show_default=False,
        ),
    ] = "auto",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of a model bundle or name of an installed model; several times: their "
            "logits are averaged [default: the bundled model].",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[
        BackendChoice, typer.Option(help="What runs the network.")
    ] = BackendChoice.openvino,
    cleanup: Annotated[
        bool, typer.Option(help="Keep only the largest piece of every structure.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Segment volumes: every bone gets its own label, on the grid of the input."""
    from amcnet.cli.console import progress, stdout
    from amcnet.errors import AmcnetError
    from amcnet.inference import Segmenter
    from amcnet.inference.batch import channel_files, plan_outputs
    from amcnet.io import read_volume

    segmenter = Segmenter(model or None, backend.value)
    jobs = plan_outputs(inputs, output, overwrite, segmenter.channels)
    failed = False
    for source, target in jobs:
        try:
            files = channel_files(source, segmenter.channels)
            volumes = [read_volume(file, axes) for file in files]
            with progress(source.name) as update:
                result = segmenter(volumes, update, cleanup)
            result.write(target, overwrite)
        except AmcnetError as error:
            if len(jobs) == 1:
                raise
            failed = True
            typer.echo(f"amcnet: {error}", err=True)
            continue
        found = len(result.confidence)
        stdout().print(f"{target}: {found} of {len(result.table)} structures found")
    stdout().print(segmenter.notice)
    if failed:
        raise typer.Exit(2)
