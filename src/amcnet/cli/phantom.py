"""``amcnet phantom``: write synthetic hands as a data set."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class GridName(StrEnum):
    """The grids that phantoms are made on."""

    network = "network"
    full = "full"


def phantom(
    out: Annotated[Path, typer.Option(help="Folder of the data set (nnU-Net raw layout).")],
    count: Annotated[int, typer.Option(help="Number of phantoms.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first; the next ones count up.")] = 0,
    grid: Annotated[
        GridName, typer.Option(help="network: 609 x 512 x 256 voxels; full: 609 x 1023 x 512.")
    ] = GridName.network,
    jobs: Annotated[int, typer.Option(help="Processes that work side by side.")] = 1,
) -> None:
    """Make synthetic hands with synthetic ultrasound and their labels."""
    from amcnet.cli.console import progress, stdout
    from amcnet.phantom import GRIDS, write_dataset

    with progress("phantoms") as update:
        names = write_dataset(out, count, seed, GRIDS[grid.value], jobs, update)
    stdout().print(f"{out}: {len(names)} phantoms, {names[0]} to {names[-1]}")
