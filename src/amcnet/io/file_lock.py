"""One command at a time: a file lock that ends with its process, however the process ends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from amcnet.errors import OutputError

LOCK_FILE = ".lock"

logger = logging.getLogger(__name__)


@contextmanager
def held_lock(path: Path, busy: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a lock while the block runs.

    The operating system releases the lock when the process ends. On a file system without locks,
    the block runs after a warning.

    Args:
        path: The lock file; it is created if necessary, in an existing folder.
        busy: Error message if another process holds the lock.
        wait_seconds: How long to wait for that process.

    Raises:
        OutputError: If another process holds the lock, the file cannot be created, or it is a link:
            opening it might change a file elsewhere.

    >>> with held_lock(Path("folder.lock"), "folder: is in use"):
    ...     with held_lock(Path("folder.lock"), "folder: is in use"):
    ...         pass
    Traceback (most recent call last):
    ...
    amcnet.errors.OutputError: folder: is in use
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputError(f"{path}: is not a regular file, expected a lock file or none")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise OutputError(busy) from error
    except NotImplementedError:
        logger.warning(
            "%s: its file system has no locks; do not start a second command there", path
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be created ({reason})") from error
    try:
        yield
    finally:
        lock.release()
