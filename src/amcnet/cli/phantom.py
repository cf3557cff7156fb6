"""``amcnet phantom``: write synthetic hands as a data set."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from amcnet.errors import ConfigError, count_text


class GridName(StrEnum):
    """Voxel grid of the phantoms."""

    network = "network"
    full = "full"
    half = "half"


class VarietyName(StrEnum):
    """Variety of the phantoms."""

    complete = "complete"
    full = "full"


def phantom(
    out: Annotated[Path, typer.Option(help="Folder of the data set (nnU-Net raw layout).")],
    count: Annotated[int, typer.Option(help="Number of phantoms.")] = 1,
    seed: Annotated[
        int, typer.Option(help="Seed of the first phantom; the others follow consecutively.")
    ] = 0,
    grid: Annotated[
        GridName,
        typer.Option(
            help="full: 609 x 1023 x 512 voxels; network: 609 x 512 x 256; half: 304 x 256 x 128."
        ),
    ] = GridName.network,
    variety: Annotated[
        VarietyName,
        typer.Option(
            help="complete: all 38 structures, unless --age says otherwise; "
            "full: ages 2 to 16 and the rare cases of real scans."
        ),
    ] = VarietyName.complete,
    age: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Ages in years, within 2:16.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Number of parallel processes.")] = 1,
) -> None:
    """Make synthetic hands with synthetic ultrasound and their labels."""
    from amcnet.cli.console import progress, stdout
    from amcnet.phantom import GRIDS, PhantomConfig, summarise_left_out, write_dataset

    config = PhantomConfig(GRIDS[grid.value], variety.value, _age_range(age))
    with progress("phantoms") as update:
        names = write_dataset(out, count, seed, config, jobs, update)
    numbers = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    stdout().print(f"{out}: {count_text(len(names), 'phantom')}, {numbers}")
    left_out = summarise_left_out(out, names)
    if left_out:
        stdout().print(left_out)


def _age_range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise ConfigError(f"--age: found '{text}', expected LOW:HIGH, such as 4:8") from None
    return low, high
