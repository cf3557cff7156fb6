"""The run folder: claimed by one training at a time, with the run's configuration and log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from amcnet.errors import ConfigError, OutputError
from amcnet.io import atomic_path
from amcnet.training.checkpoints import last_checkpoint
from amcnet.training.config_reading import RUN_CONFIG_FILE, read_run_config
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
        OutputError: If another training uses the folder, or it already contains a run, or none to
            resume.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, expected a folder")
    if resume:
        _check_last(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"{folder}: another training is using this run folder, expected to be the only one"
        ) from error
    except NotImplementedError:
        logger.warning("%s: its file system has no locks; start no second run there", folder)
    try:
        _check_run(config, folder, resume)
        with atomic_path(folder / RUN_CONFIG_FILE) as temporary:
            temporary.write_text(config.model_dump_json(indent=1), encoding="utf-8")
        yield
    finally:
        lock.release()


def _check_last(folder: Path) -> None:
    last = last_checkpoint(folder)
    if not last.exists():
        raise OutputError(
            f"{last}: is missing, expected the checkpoint of the run to resume; "
            "without --resume the run begins anew"
        )


def _check_run(config: TrainingConfig, folder: Path, resume: bool) -> None:
    if not resume:
        if last_checkpoint(folder).exists():
            raise OutputError(f"{folder}: holds a run already, expected a new folder or --resume")
        return
    _check_last(folder)
    earlier = read_run_config(folder)
    # A run may be given more time or other machines; everything else decides its result.
    free = {"schedule": config.schedule, "hardware": config.hardware}
    same = earlier.model_copy(update=free)
    changed = [name for name, value in config if value != getattr(same, name)]
    if changed:
        raise ConfigError(
            f"{folder / RUN_CONFIG_FILE}: differs from the configuration in "
            f"{', '.join(changed)}, expected the same to resume"
        )


class _QuietHandler(logging.FileHandler):
    """A log that a full disk does not fill the screen with tracebacks."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Drop the record; errors of other outputs still end the run."""


@contextmanager
def log_to_file(folder: Path) -> Iterator[None]:
    """Write the package's log to the run folder as well."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = _QuietHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
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
