"""``amcnet train --server``: train on a server instead of here."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcnet.errors import ConfigError

if TYPE_CHECKING:
    from amcnet.bundle import Bundle

_LINE_SECONDS = 60.0


def train_on_server(
    server: str,
    token_file: Path | None,
    data_set: Path,
    out: Path | None,
    resume: bool,
    max_time: str | None,
    as_json: bool,
) -> None:
    """Train on a server, show the progress and fetch the model."""
    from amcnet.cli.console import stdout
    from amcnet.cli.training_output import hours_of, show_log, write_json
    from amcnet.service.client.remote_training import begin_on_server, find_on_server
    from amcnet.service.client.server_connection import ServerConnection, read_token

    show_log()
    token = None if token_file is None else read_token(token_file)
    connection = ServerConnection(server.rstrip("/"), token)
    since = 0
    if resume:
        if max_time is not None:
            raise ConfigError("--max-time: the training has one already, expected none to resume")
        training = find_on_server(connection, out or data_set)
        since = training.resume()
    else:
        hours = hours_of(max_time)
        run = out or Path("runs") / data_set.absolute().name
        minutes = None if hours is None else 60 * hours
        training = begin_on_server(connection, data_set, run, minutes)
    if as_json:
        bundle = training.follow(lambda event: write_json(**_without_protocol(event)), since)
        write_json(
            "result", model=str(bundle.folder), name=bundle.description.name, steps=_steps(bundle)
        )
        return
    bundle = training.follow(_Lines().show, since)
    stdout().print(f"{bundle.folder}: the trained model; use it with amcnet segment --model")


def _without_protocol(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "protocol"}


def _steps(bundle: "Bundle") -> int:
    refiner = bundle.description.refiner
    return (bundle.description.provenance if refiner is None else refiner.provenance).steps


class _Lines:
    """Prints a line about a training at most once a minute, and after each validation."""

    def __init__(self) -> None:
        self._due_at = 0.0

    def show(self, event: dict[str, Any]) -> None:
        """Print an event if it is time."""
        from amcnet.cli.console import stdout

        dice, now = event.get("dice"), time.monotonic()
        if dice is None and now < self._due_at:
            return
        self._due_at = now + _LINE_SECONDS
        quality = "" if dice is None else f", Dice {dice:.3f}"
        stdout().print(f"step {event.get('step')}, {event.get('fraction', 0):.0%}{quality}")
