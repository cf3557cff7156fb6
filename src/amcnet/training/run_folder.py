"""The run folder: claimed by one training at a time, with the run's configuration and log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import ConfigError, OneLineFormatter, OutputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.file_lock import held_lock
from amcnet.training.config_reading import RUN_CONFIG_FILE, read_run_config
from amcnet.training.run_paths import last_checkpoint
from amcnet.training.training_config import TrainingConfig

LOG_FILE = "run.log"
LOCK_FILE = "run.lock"

logger = logging.getLogger(__name__)


@contextmanager
def claimed_folder(config: TrainingConfig, folder: Path, resume: bool) -> Iterator[None]:
    """Lock the run folder for one training, and write the configuration to it.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        config: The configuration of the run.
        folder: The run folder, created if needed.
        resume: Whether the existing run is resumed.

    Raises:
        ConfigError: If the run was started with another configuration.
        OutputError: If another training uses the folder, it already contains a run, or it has none
            to resume.
    """
    if resume:
        _check_last(folder)
    with locked_run_folder(folder):
        _check_run(config, folder, resume)
        write_atomically(folder / RUN_CONFIG_FILE, config.model_dump_json(indent=1))
        yield


@contextmanager
def locked_run_folder(folder: Path) -> Iterator[None]:
    """Lock a run folder for one training; it is created if it does not exist.

    Raises:
        OutputError: If another training is using it, it cannot be created, or it holds links.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: could not be created ({error.strerror})") from error
    _check_plain(folder)
    busy = f"{folder}: another training is using this run folder, expected no other"
    with held_lock(folder / LOCK_FILE, busy):
        yield


def _check_plain(folder: Path) -> None:
    """Check that a run folder, possibly from somebody else, holds only regular files and folders.

    A link would let the run write elsewhere; a named pipe would block it forever.
    """
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise OutputError(f"{path}: is a link, expected a run folder of plain files")
        if not path.is_file() and not path.is_dir():
            raise OutputError(
                f"{path}: is not a regular file, expected a run folder of plain files"
            )


def _check_last(folder: Path) -> None:
    last = last_checkpoint(folder)
    if not last.exists():
        raise OutputError(
            f"{last}: is missing, expected the checkpoint of the run to resume; "
            "without --resume a new run starts"
        )


def _check_run(config: TrainingConfig, folder: Path, resume: bool) -> None:
    if not resume:
        if last_checkpoint(folder).exists():
            raise OutputError(f"{folder}: already holds a run, expected a new folder or --resume")
        return
    _check_last(folder)
    earlier = read_run_config(folder)
    # A run may be given more time or other machines; everything else determines its result.
    free = {"schedule": config.schedule, "hardware": config.hardware}
    same = earlier.model_copy(update=free)
    changed = [name for name, value in config if value != getattr(same, name)]
    if changed:
        raise ConfigError(
            f"{folder / RUN_CONFIG_FILE}: differs from the configuration in "
            f"{', '.join(changed)}, expected the same to resume"
        )


class _QuietHandler(logging.FileHandler):
    """A log file that does not flood the screen with tracebacks when the disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Drop the record; write errors elsewhere still end the run."""


@contextmanager
def log_to_file(folder: Path) -> Iterator[None]:
    """Write the package's log to the run folder as well."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handler = _QuietHandler(folder / LOG_FILE, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder / LOG_FILE}: cannot be written ({error.strerror})") from error
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("amcnet")
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.setLevel(level)
        package.removeHandler(handler)
        handler.close()
