"""``amcnet train``: train a network from a configuration file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amcnet.cli.segment_options import TokenFileOption
from amcnet.cli.training_output import hours_of, let_threads_sleep, show_log, write_json
from amcnet.errors import ConfigError

if TYPE_CHECKING:
    from amcnet.bundle import Bundle
    from amcnet.training.progress_events import TrainingEvent


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="Training configuration (TOML), a prepared data set, or the folder of a run; "
            "with --server a data set."
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
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Train on this amcnet serve instead of here, from its model.",
            show_default=False,
        ),
    ] = None,
    token_file: TokenFileOption = None,
) -> None:
    """Train a network; the run folder then holds a model bundle."""
    if server is None and resume:
        from amcnet.service.client.remote_training import server_of_run

        server = server_of_run(out or config)
    if server is not None:
        from amcnet.cli.remote_train import train_on_server

        _refuse("--server", start_from=start_from, fold=fold, devices=devices, nodes=nodes)
        train_on_server(server, token_file, config, out, resume, max_time, progress == "json")
        return
    if token_file is not None:
        raise ConfigError("--token-file: is only used with --server, expected both")
    let_threads_sleep()

    from amcnet.cli.console import stdout
    from amcnet.extras import require_extra
    from amcnet.training import read_config
    from amcnet.training.refinement.refiner_config_reading import is_refinement

    if is_refinement(config):
        _refuse("a refiner's configuration", start_from=start_from, devices=devices, nodes=nodes)
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
    write_json("progress", **event.to_json())


def _write_result(bundle: "Bundle", steps: int) -> None:
    name = bundle.description.name
    write_json("result", model=str(bundle.folder), name=name, steps=steps)


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


def _refuse(found: str, **options: object) -> None:
    """Refuse options that do not apply to something that was found."""
    for name, value in options.items():
        if value is not None:
            option = "--from" if name == "start_from" else f"--{name}"
            raise ConfigError(f"{option}: found with {found}, expected without")


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
