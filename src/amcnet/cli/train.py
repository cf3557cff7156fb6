"""``amcnet train``: train a network from a configuration file."""

import json
import math
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amcnet.errors import ConfigError, OneLineFormatter

if TYPE_CHECKING:
    from amcnet.bundle import Bundle
    from amcnet.training.progress_events import TrainingEvent


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="Training configuration (TOML), a prepared data set, or the folder of a run."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Run folder [default: runs/NAME, or runs/NAME-foldN]."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the run folder's last checkpoint.")
    ] = False,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Fine-tune this model: a bundle's folder or name, 'hand' for the one that "
            "ships with the package. Labels and channels may differ.",
        ),
    ] = None,
    fold: Annotated[
        str | None, typer.Option(metavar="N|all", help="Fold to hold out, or none ('all').")
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time limit, such as 8h, 90m or 1h30m.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="Devices of each machine [default: all GPUs, or one CPU].")
    ] = None,
    nodes: Annotated[int | None, typer.Option(help="Machines.")] = None,
    progress: Annotated[
        Literal["text", "json"],
        typer.Option(help="json: progress on stdout as JSON lines, for other programs."),
    ] = "text",
) -> None:
    """Train a network; the run folder then holds a model bundle."""
    let_threads_sleep()

    from amcnet.cli.console import stdout
    from amcnet.extras import require_extra
    from amcnet.training import read_config
    from amcnet.training.refinement.refiner_config_reading import is_refinement

    if is_refinement(config):
        _refuse(start_from=start_from, devices=devices, nodes=nodes)
        _train_refiner(config, out, resume, _fold(fold), hours_of(max_time), progress == "json")
        return
    settings = read_config(config)
    require_extra("train", "amcnet train")
    from amcnet.training import is_first_process
    from amcnet.training import train as run
    from amcnet.training.hardware import settle_processes
    from amcnet.training.overrides import Overrides, override

    overrides = Overrides(start_from, _fold(fold), hours_of(max_time), devices, nodes)
    settings = override(settings, overrides)
    settle_processes(settings.hardware)
    if is_first_process():
        show_log()
    folder = out or _default_folder(config, settings.name, fold)
    if progress == "json":
        bundle = run(settings, folder, resume, listener=_write_event)
        _write_result(bundle, bundle.description.provenance.steps)
        return
    bundle = run(settings, folder, resume)
    if is_first_process():
        stdout().print(f"{bundle.folder}: the trained model; use it with amcnet segment --model")


def _write_event(event: "TrainingEvent") -> None:
    _write_json("progress", **event.to_json())


def _write_result(bundle: "Bundle", steps: int) -> None:
    name = bundle.description.name
    _write_json("result", model=str(bundle.folder), name=name, steps=steps)


def _write_json(event: str, **values: object) -> None:
    """Write one line of progress, as docs/progress.md describes it."""
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[name] = None
    line = json.dumps({"protocol": 1, "event": event} | values, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _train_refiner(
    config: Path,
    out: Path | None,
    resume: bool,
    fold: int | Literal["all"] | None,
    max_hours: float | None,
    as_json: bool,
) -> None:
    """Train a refiner for a model, from a configuration with the key ``refine``."""
    from amcnet.cli.console import stdout
    from amcnet.extras import require_extra
    from amcnet.training.refinement.refiner_config_reading import read_refinement_config

    settings = read_refinement_config(config).with_limits(fold, max_hours)
    require_extra("train", "amcnet train")
    from amcnet.training.refinement.refiner_run import train_refiner

    show_log()
    folder = out or _default_folder(config, settings.name, None if fold is None else str(fold))
    bundle = train_refiner(settings, folder, resume, _write_event if as_json else None)
    if as_json:
        refiner = bundle.description.refiner
        _write_result(bundle, 0 if refiner is None else refiner.provenance.steps)
        return
    stdout().print(
        f"{bundle.folder}: the model with its refiner; use it with amcnet segment --model"
    )


def _refuse(**options: object) -> None:
    """Refuse options that do not apply to the training of a refiner."""
    for name, value in options.items():
        if value is not None:
            option = "--from" if name == "start_from" else f"--{name}"
            raise ConfigError(f"{option}: found with a refiner's configuration, expected without")


def let_threads_sleep() -> None:
    """Let waiting threads of PyTorch sleep instead of spinning, if it is not yet loaded.

    This makes steps several times as fast on a machine with other load.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def show_log() -> None:
    """Show the messages of the run and Lightning's warnings, but not Lightning's hints."""
    import logging
    import warnings

    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for text in (r".*\(treespec, LeafSpec\)` is deprecated", r"Checkpoint directory .* exists"):
        warnings.filterwarnings("ignore", text)


def _default_folder(config: Path, name: str, fold: str | None) -> Path:
    if (config / "config.json").is_file():  # a run folder
        return config
    return Path("runs") / (name if fold is None else f"{name}-fold{fold}")


def _fold(text: str | None) -> int | Literal["all"] | None:
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise ConfigError(f"--fold: found '{text}', expected a number or 'all'")
    return int(text)


def hours_of(text: str | None) -> float | None:
    """Convert 8h, 90m, 1h30m or 45s to hours."""
    if text is None:
        return None
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip().lower())
    hours, minutes, seconds = (float(p or 0) for p in match.groups()) if match else (0, 0, 0)
    hours += minutes / 60 + seconds / 3600
    if not 0 < hours < math.inf:
        raise ConfigError(f"--max-time: found '{text}', expected a time such as 8h, 90m or 1h30m")
    return hours
