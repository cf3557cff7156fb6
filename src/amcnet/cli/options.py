"""Options that several commands share."""

from typing import Annotated

import typer

LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="What names the labels: dataset.json, an ITK-SNAP label description, or a model "
        "(its folder, model.json or installed name) [default: the hand's 38].",
        show_default=False,
    ),
]
