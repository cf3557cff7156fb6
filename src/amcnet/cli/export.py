"""``amcnet export``: export a model for other software."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class FormatName(StrEnum):
    """Export formats."""

    monai_bundle = "monai-bundle"
    onnx = "onnx"
    openvino = "openvino"


def export(
    model: Annotated[str, typer.Argument(help="Folder or installed name of a model.")],
    format_name: Annotated[FormatName, typer.Option("--format", help="Format to write.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export.")
    ] = False,
) -> None:
    """Export a model for MONAI, ONNX or OpenVINO."""
    from amcnet.bundle.formats import export_model
    from amcnet.cli.console import stdout

    bundle = export_model(model, format_name.value, output, overwrite)
    console = stdout()
    console.print(f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    console.print(bundle.description.notice)
