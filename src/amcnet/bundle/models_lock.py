"""Lock on the folder of installed models, and recovery after killed commands."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io.atomic_folders import recover_folders
from amcnet.io.file_lock import held_lock

logger = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 60


@contextmanager
def sole_writer(models: Path) -> Iterator[None]:
    """Wait for commands that change the folder, then recover from killed ones.

    Raises:
        OutputError: If another command takes too long, or the folder is read-only.
    """
    busy = f"{models}: another command is installing a model, try later"
    try:
        with held_lock(_lock_file(models), busy, _LONGEST_WAIT_SECONDS):
            recover_folders(models)
            yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{models}: could not be changed ({reason})") from error


def recover_models(models: Path) -> None:
    """Recover from killed commands, unless another command holds the lock."""
    if not any(models.glob(".*")):
        return
    try:
        with held_lock(_lock_file(models), f"{models}: another command is at work there"):
            recover_folders(models)
    except (OutputError, OSError) as error:
        logger.debug("%s: left as it is (%s)", models, error)


def _lock_file(models: Path) -> Path:
    return models.with_name(f"{models.name}.lock")
