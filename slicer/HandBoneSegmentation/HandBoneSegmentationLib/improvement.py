"""Train a model on the user's data set: prepare, train, pause, resume."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .data_set import BUNDLED_MODEL
from .installer import Environment
from .runner import Command, Runner, parse_event

Point = tuple[int, float]

REFINER_CONFIG = "refiner.toml"
"""Written by ``amcnet prepare`` if the model has a refiner for these structures."""


SERVER_FILE = "server.json"
"""Written by ``amcnet train --server``; it names the training on the server."""


@dataclass(frozen=True)
class Place:
    """Where a model is trained.

    Attributes:
        environment: The Python with amcnet, and with PyTorch unless a server trains.
        server: Address of an ``amcnet serve --training``; empty for this machine.
        token_file: File with the user's token for the server; empty if none is needed.
    """

    environment: Environment
    server: str = ""
    token_file: str = ""

    def command(self, *arguments: str) -> Command:
        """Return a command that trains and reports its progress."""
        place = ["--server", self.server] if self.server else []
        place += ["--token-file", self.token_file] if self.server and self.token_file else []
        return self.environment.command(*arguments, *place, "--progress", "json")


def _nothing(*_: object) -> None:
    """Ignore an event."""


@dataclass
class ImprovementListener:
    """Callbacks of an improvement; all are optional.

    Attributes:
        progress: Called with (fraction done, seconds left or None, current step).
        curve: Called with the loss of the steps and the Dice of the validations, (step, value).
        done: Called with the run folder, which contains the new model.
        paused: Called when the run was paused.
        failed: Called with (reason in one sentence, last lines of the log).
    """

    progress: Callable[[float, float | None, str], None] = field(default=_nothing)
    curve: Callable[[list[Point], list[Point]], None] = field(default=_nothing)
    done: Callable[[str], None] = field(default=_nothing)
    paused: Callable[[], None] = field(default=_nothing)
    failed: Callable[[str, list[str]], None] = field(default=_nothing)


class Improvement:
    """One training at a time, in separate processes.

    Attributes:
        run: The run folder of the training that is running or was paused last; None before the
            first.
    """

    def __init__(self) -> None:
        self.runner = Runner()
        self.run: Path | None = None
        self._listener = ImprovementListener()
        self._losses: list[Point] = []
        self._dice: list[Point] = []
        self._is_pausing = False
        self._model = ""

    @property
    def is_running(self) -> bool:
        """Whether a model is being trained."""
        return self.runner.is_running

    @property
    def can_resume(self) -> bool:
        """Whether there is a run that was paused, or that ended with the application."""
        return not self.is_running and self.run is not None and is_unfinished(self.run)

    def start(
        self,
        data_set: str,
        start_from: str,
        minutes: float,
        place: Place,
        listener: ImprovementListener,
    ) -> None:
        """Prepare a data set and train a model on it, here or on a server.

        Args:
            data_set: Folder of the data set.
            start_from: Model whose weights initialise it; empty for the bundled one. A server
                uses its own model.
            minutes: Time for training.
            place: Where to train.
            listener: Called during the work.

        Raises:
            RuntimeError: If a model is being trained, or there is no data set.
        """
        if self.is_running:
            raise RuntimeError("a model is being trained, expected none")
        folder = Path(data_set)
        if not data_set or not (folder / "dataset.json").is_file():
            raise RuntimeError(f"{data_set or 'no data set'}: expected a folder with cases in it")
        self._begin(listener)
        self.run = new_run(folder)
        limit = ["-o", str(self.run), "--max-time", f"{minutes:g}m"]
        if place.server:
            self._train(place, ["train", str(folder), *limit])
            return
        prepared = folder.with_name(f"{folder.name}-prepared")
        arguments = ["prepare", str(folder), "--from", start_from or BUNDLED_MODEL]
        arguments += ["-o", str(prepared), "--max-time", f"{minutes:g}m"]

        def end(status: int) -> None:
            if status != 0 or self._is_pausing:
                self._ended(status)
                return
            # The second stage learns most in a short time, if the model has one that fits.
            refiner = prepared / REFINER_CONFIG
            config = refiner if refiner.is_file() else prepared
            self._train(place, ["train", str(config), *limit])

        listener.progress(0.0, None, "Preparing the data set")
        self.runner.start(place.environment.command(*arguments), end)

    def resume(self, place: Place, listener: ImprovementListener) -> None:
        """Resume the paused run.

        Raises:
            RuntimeError: If there is none.
        """
        if not self.can_resume:
            raise RuntimeError("no training was paused, expected one to resume")
        losses, dice = self._losses, self._dice
        self._begin(listener)
        self._losses, self._dice = losses, dice
        if not (self.run / SERVER_FILE).is_file():
            place = Place(place.environment)  # it began on this machine
        self._train(place, ["train", str(self.run), "--resume"])

    def pause(self) -> None:
        """Let the current step finish and save it; the listener is called then."""
        if self.is_running:
            self._is_pausing = True
            self._listener.progress(0.0, None, "Finishing and saving the current step")
            self.runner.ask_to_end()

    def close(self) -> None:
        """End the process without calling the listener; the run can be resumed."""
        self.runner.cancel()

    def _begin(self, listener: ImprovementListener) -> None:
        self._listener = listener
        self._losses, self._dice = [], []
        self._is_pausing, self._model = False, ""

    def _train(self, place: Place, arguments: list[str]) -> None:
        where = " on the server" if place.server else ""
        self._listener.progress(0.0, None, f"Starting the training{where}")
        self.runner.start(place.command(*arguments), self._ended, self._take)

    def _take(self, line: str) -> None:
        event = parse_event(line)
        kind = event.get("event")
        if kind == "result":
            self._model = event["model"]
        if kind != "progress":
            return
        step, loss, dice = event["step"], event["loss"], event["dice"]
        if loss is not None:
            self._losses.append((step, loss))
        if dice is not None:
            self._dice.append((step, dice))
        quality = f", Dice {self._dice[-1][1]:.2f}" if self._dice else ""
        if not self._is_pausing:
            what = f"Training: step {step}{quality}"
            self._listener.progress(event["fraction"], event["seconds_left"], what)
        self._listener.curve(self._losses, self._dice)

    def _ended(self, status: int) -> None:
        if status == 0 and self._model:
            self._listener.done(str(self.run))
        elif self._is_pausing:
            self._listener.paused()
        else:
            log = list(self.runner.log)
            reason = next((line for line in reversed(log) if line.startswith("amcnet: ")), "")
            reason = reason.removeprefix("amcnet: ") or f"amcnet ended (exit status {status})"
            self._listener.failed(reason, log)


def new_run(data_set: Path) -> Path:
    """Return a run folder that does not exist yet for a data set, with a consecutive number."""
    runs = data_set.with_name(f"{data_set.name}-models")
    number = 1
    while (runs / f"{data_set.name}-{number}").exists():
        number += 1
    return runs / f"{data_set.name}-{number}"


def is_unfinished(run: Path) -> bool:
    """Return whether a run can be resumed, from a checkpoint or on a server, and has no model."""
    if (run / "model" / "model.json").is_file():
        return False
    if (run / SERVER_FILE).is_file():
        return True
    if not (run / "checkpoints" / "last.ckpt").is_file():
        return False
    try:
        json.loads((run / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
