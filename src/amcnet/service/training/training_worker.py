"""Runs trainings one after another, in processes of their own with low priority."""

import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.service.training.training_desk import TrainingDesk
from amcnet.service.training.training_record import TrainingRecord, TrainingState
from amcnet.service.work.job_output import without_folders
from amcnet.training.refinement.refiner_config_reading import REFINER_CONFIG_FILE
from amcnet.training.run_paths import BUNDLE_FOLDER, last_checkpoint

_log = logging.getLogger(__name__)

_MAIN = (
    "from amcnet.parent_process import end_with_parent; end_with_parent()\n"
    "from amcnet.cli.main import main; main()"
)
_PRIORITY = 10  # volumes to segment come first
_POLL_SECONDS = 0.2
_WAIT_SECONDS = 2.0
_PATIENCE_SECONDS = 120.0  # for the step that a training finishes and saves
_OWN_MESSAGE = "amcnet: "


class TrainingWorker:
    """Takes trainings from the desk and runs them.

    Args:
        desk: The trainings.
        model: The model that all of them start from: a bundle's folder or name.
        stop: Set when the service ends; a running training is then saved, and resumed after the
            next start.
    """

    def __init__(self, desk: TrainingDesk, model: str, stop: threading.Event) -> None:
        self._desk, self._model, self._stop = desk, model, stop
        self._asked_to_end = False

    def step(self) -> None:
        """Run the next training, or wait for one."""
        record = self._desk.next_queued()
        if record is None:
            self._desk.wake.wait(_WAIT_SECONDS)
            self._desk.wake.clear()
            return
        self._desk.begin(record)
        self._asked_to_end = False
        _log.info("training %s begins", record.id)
        try:
            status = self._run(record)
        except OSError as error:  # such as a full disk
            reason = f"the server cannot run the training ({error.strerror})"
            self._desk.end(record.id, TrainingState.FAILED, reason)
            return
        if (self._desk.run(record.id) / BUNDLE_FOLDER / DESCRIPTION_FILE).is_file():
            self._desk.end(record.id, TrainingState.DONE)
        elif self._desk.is_pausing(record.id):
            self._desk.end(record.id, TrainingState.PAUSED)
        elif self._asked_to_end or status == 0:  # the service ends, or it was resumed at once
            self._desk.end(record.id, TrainingState.QUEUED)
        else:
            self._desk.end(record.id, TrainingState.FAILED, self._reason(record, status))
        if self._desk.find(record.id) is None:
            self._desk.remove_files(record.id)

    def _run(self, record: TrainingRecord) -> int:
        """Run the commands of a training and return the last exit status."""
        limit = ["--max-time", f"{record.minutes:g}m"]
        prepared, run = self._desk.folder(record.id) / "prepared", self._desk.run(record.id)
        events = self._desk.events_path(record.id)
        self._log_path(record).unlink(missing_ok=True)  # messages of this attempt only
        if last_checkpoint(run).is_file():
            resume = ["train", str(run), "--resume", "--progress", "json"]
            return self._execute(record, resume, events)
        data_set = str(self._desk.data_set(record))
        prepare = ["prepare", data_set, "--from", self._model, "-o", str(prepared), *limit]
        status = self._execute(record, prepare, Path(os.devnull))
        if status != 0 or self._is_stopped(record):
            return status
        # The second stage learns most in a short time, if the model has one that fits.
        refiner = prepared / REFINER_CONFIG_FILE
        config = refiner if refiner.is_file() else prepared
        train = ["train", str(config), "-o", str(run), *limit, "--progress", "json"]
        return self._execute(record, train, events)

    def _execute(self, record: TrainingRecord, arguments: list[str], output: Path) -> int:
        """Run a command of the package until it ends, or is asked to end."""
        with self._log_path(record).open("ab") as log, output.open("ab") as stdout:
            process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal of the service is not for it
            )
            if os.name == "posix":
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, process.pid, _PRIORITY)
            while process.poll() is None:
                if self._is_stopped(record):
                    self._asked_to_end = True
                    _end(process)
                time.sleep(_POLL_SECONDS)
        return process.returncode

    def _is_stopped(self, record: TrainingRecord) -> bool:
        is_deleted = self._desk.find(record.id) is None
        return self._stop.is_set() or is_deleted or self._desk.is_pausing(record.id)

    def _log_path(self, record: TrainingRecord) -> Path:
        return self._desk.folder(record.id) / "log"

    def _reason(self, record: TrainingRecord, status: int) -> str:
        """Return the last error message of the commands, without the server's folders."""
        try:
            text = self._log_path(record).read_text(encoding="utf-8", errors="replace")
        except OSError:  # deleted meanwhile
            text = ""
        own = (line for line in reversed(text.splitlines()) if line.startswith(_OWN_MESSAGE))
        reason = next(own, f"the training ended with status {status}").removeprefix(_OWN_MESSAGE)
        folders = (self._desk.data_set(record), self._desk.folder(record.id))
        return without_folders(reason, *folders, Path(self._model).absolute().parent)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let a process finish and save its step; kill it if that takes too long."""
    process.terminate()
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
