"""Train on a server: send a data set, follow the training and fetch the model."""

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from amcnet.bundle import Bundle, load_bundle
from amcnet.bundle.archive import unpack_bundle
from amcnet.errors import ConfigError, InputError, OutputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.small_files import read_json
from amcnet.service.client.server_connection import (
    ServerConnection,
    ServerError,
    UnreachableError,
    patient,
)
from amcnet.service.client.volume_package import pack_files, sha256_of_upload
from amcnet.service.protocol import DATA_SET_FOLDERS
from amcnet.training.run_paths import BUNDLE_FOLDER

_log = logging.getLogger(__name__)

SERVER_FILE = "server.json"
"""File in a run folder that names the server and the training."""

_POLL_SECONDS = 2.0
_DEFAULT_MINUTES = 60.0
_DESCRIPTION = "dataset.json"


@dataclass(frozen=True)
class RemoteTraining:
    """A training on a server, known by its run folder here.

    Attributes:
        server: The server.
        run: The run folder, which contains the model in the end.
        id: Name of the training on the server.
    """

    server: ServerConnection
    run: Path
    id: str

    def follow(self, listen: Callable[[dict[str, Any]], None], since: int = 0) -> Bundle:
        """Wait for the end of the training and fetch its model.

        On Ctrl-C the training is paused on the server.

        Args:
            listen: Called with each progress event, see docs/progress.md.
            since: Number of events to skip.

        Raises:
            ServerError: If the training failed, was paused or was deleted.
            UnreachableError: If the server does not answer for some minutes.
            OutputError: If the model cannot be written.
        """
        try:
            for event in self._events(since):
                if event.get("event") == "progress":
                    listen(event)
        except KeyboardInterrupt:
            self._pause()
            raise
        return self._fetch()

    def resume(self) -> int:
        """Resume the training, and return the number of events that it has sent already."""
        known = 0
        while found := self._state(known)["events"]:
            known += len(found)
        patient(partial(self.server.post, f"/trainings/{self.id}/resume"))
        return known

    def _pause(self) -> None:
        resume = f"amcnet train {self.run} --resume"
        try:
            self.server.post(f"/trainings/{self.id}/pause")
        except (ServerError, UnreachableError) as error:
            _log.warning("the training was not paused (%s); follow it with %s", error, resume)
        else:
            _log.warning("the training is paused on the server and can be resumed: %s", resume)

    def _state(self, since: int) -> dict[str, Any]:
        found: dict[str, Any] = patient(
            partial(self.server.get, f"/trainings/{self.id}?since={since}")
        )
        events = found.get("events")
        if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
            raise ServerError(f"{self.server.url}: sent no events, expected those of a training")
        return found

    def _events(self, since: int) -> Iterator[dict[str, Any]]:
        """Yield the events of the training until it is done."""
        while True:
            found = self._state(since)
            yield from found["events"]
            since += len(found["events"])
            if found["events"]:
                continue
            state = found.get("state")
            if state == "done":
                return
            if state == "failed":
                raise ServerError(f"the training failed on the server: {found.get('error')}")
            if state == "paused":
                raise ServerError(
                    "the training was paused on the server, expected it to run: use --resume"
                )
            time.sleep(_POLL_SECONDS)

    def _fetch(self) -> Bundle:
        target = self.run / BUNDLE_FOLDER
        with tempfile.TemporaryDirectory(prefix="amcnet-") as temporary:
            archive = Path(temporary) / "model.zip"
            patient(partial(self.server.download, f"/trainings/{self.id}/model", archive))
            with new_folder(target) as partial_folder:
                unpack_bundle(archive, partial_folder)
                description = load_bundle(partial_folder).description
                put_in_place(partial_folder, target)
        return Bundle(target, description)


def begin_on_server(
    server: ServerConnection, data_set: Path, run: Path, minutes: float | None = None
) -> RemoteTraining:
    """Send a data set to a server and begin to train there.

    The server's own model initialises the training.

    Args:
        server: The server.
        data_set: Folder of the data set, as ``amcnet dataset add`` writes it.
        run: A new run folder.
        minutes: Time limit; None for an hour, or less if the server trains for less.

    Raises:
        ConfigError: If the server does not train for so long.
        InputError: If the folder is no such data set.
        OutputError: If the run folder contains a run.
        ServerError: If the server does not train, or refuses the data set.
        UnreachableError: If it does not answer.
    """
    if (run / SERVER_FILE).exists() or (run / BUNDLE_FOLDER).exists():
        raise OutputError(f"{run}: already holds a run, expected a new folder or --resume")
    most = server.describe()["capabilities"].get("most_training_minutes", 0)
    if not most:
        raise ServerError(
            f"{server.url}: does not train models (its administrator: amcnet serve --training)"
        )
    if minutes is None:
        minutes = min(_DEFAULT_MINUTES, most)
    if minutes > most:
        raise ConfigError(
            f"--max-time: found {minutes:g} min, expected at most {most:g} min for {server.url}"
        )
    files = _files_of(data_set)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if run.is_file() else error.strerror
        raise OutputError(f"{run}: could not be created ({reason})") from error
    with tempfile.TemporaryDirectory(prefix="amcnet-") as temporary:
        archive = Path(temporary) / "data-set.zip"
        pack_files(archive, data_set, files)
        fields = {"name": data_set.absolute().name, "minutes": f"{minutes:g}"}
        digest = sha256_of_upload(archive)
        # The server recognises the same upload, so that sending it again begins nothing new.
        accepted = patient(partial(server.upload, "/trainings", archive, digest, fields))
    training = RemoteTraining(server, run, str(accepted.get("id", "")))
    write_atomically(run / SERVER_FILE, json.dumps({"server": server.url, "training": training.id}))
    if accepted.get("state") == "paused":
        training.resume()
    return training


def server_of_run(run: Path) -> str | None:
    """Return the address of the server on which a run began; None if it began here."""
    return _record(run)["server"] if (run / SERVER_FILE).is_file() else None


def find_on_server(server: ServerConnection, run: Path) -> RemoteTraining:
    """Return the training that began in a run folder.

    Args:
        server: The server, whose address may have changed.
        run: The run folder.

    Raises:
        InputError: If none began there.
    """
    return RemoteTraining(server, run, _record(run)["training"])


def _record(run: Path) -> dict[str, str]:
    path = run / SERVER_FILE
    record = read_json(path, "a training on a server")
    if not isinstance(record, dict) or not all(
        isinstance(record.get(key), str) for key in ("server", "training")
    ):
        raise InputError(f"{path}: is damaged, expected the name of a training on a server")
    return record


def _files_of(data_set: Path) -> list[Path]:
    """Return the files of a data set.

    Raises:
        InputError: If the folder is no data set.
    """
    description = data_set / _DESCRIPTION
    if not description.is_file():
        raise InputError(
            f"{data_set}: has no {_DESCRIPTION}, expected a data set of amcnet dataset add"
        )
    folders = [data_set / name for name in DATA_SET_FOLDERS]
    cases = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return [description, *(path for path in cases if path.is_file() and path.name[0] != ".")]
