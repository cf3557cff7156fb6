"""``amcnet train``: train a network from a configuration file."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration (TOML).")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Run folder [default: runs/NAME].")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")
    ] = False,
) -> None:
    """Train a network; the run folder then holds a model bundle."""
    import logging

    from amcnet.cli.console import stdout
    from amcnet.extras import require_extra
    from amcnet.training import read_config

    settings = read_config(config)
    require_extra("train", "amcnet train")
    from amcnet.training import train as run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = out if out is not None else Path("runs") / settings.name
    bundle = run(settings, folder, resume)
    stdout().print(f"{bundle.folder}: the trained model; use it with amcnet segment --model")
