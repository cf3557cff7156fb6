"""Atomic file output: write to a temporary name and rename, so a file is complete or absent."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError
from amcnet.io.partial_names import partial_path, remove_path, remove_stale
from amcnet.io.verified_files import synchronise, synchronise_folder, write_verified

_live: set[Path] = set()
_expected_absent: set[Path] = set()
_lock = threading.Lock()
_GIVE_UP_SECONDS = 0.6


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths name one existing file.

    Example:
        >>> is_same_file(Path("a/../scan.nrrd"), Path("scan.nrrd"))
        False
    """
    return first.exists() and second.exists() and first.samefile(second)


def check_parent(path: Path) -> None:
    """Check that a file or folder can be created at a path.

    Raises:
        OutputError: If the parent folder does not exist, or this user may not write there.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' does not exist, create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder '{path.parent}' is read-only, expected another one")


def make_folder(path: Path) -> None:
    """Create a folder in an existing parent; an existing folder is not changed.

    Raises:
        OutputError: If the parent does not exist or is read-only, or ``path`` is a file.

    Example:
        >>> make_folder(Path("results"))
        >>> Path("results").is_dir()
        True
    """
    if path.is_dir():
        return
    if path.exists():
        raise OutputError(f"{path}: is a file, expected a folder")
    check_parent(path)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: could not be created ({error.strerror})") from error


def expect_absent(path: Path, expected: bool = True) -> None:
    """Make the next :func:`atomic_path` for this path fail if the file has appeared meanwhile.

    For commands that may not replace anything: if two of them write the same new file, one succeeds
    and the other reports it. With ``expected`` False, an earlier call is revoked.
    """
    if expected:
        _expected_absent.add(path.absolute())
    else:
        _expected_absent.discard(path.absolute())


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, and rename it to ``path`` if the block succeeds.

    The temporary file is hidden (its name begins with a dot) and keeps the extensions, because many
    writers choose the format by the extension. It is flushed to disk before the rename. If the
    block fails or is interrupted, it is removed and an existing ``path`` is not changed. Leftovers
    of killed processes are removed by the next process.

    Raises:
        OutputError: If the operating system refuses to write or to rename, or nothing was
            written.

    Example:
        >>> with atomic_path("result.txt") as temporary:
        ...     _ = temporary.write_text("complete")
        >>> Path("result.txt").read_text()
        'complete'
    """
    path = Path(path)
    remove_stale(path.parent)
    temporary = partial_path(path)
    try:
        with live_temporary(temporary):
            yield temporary
            if not temporary.exists():
                raise OutputError("nothing was written")
            if temporary.is_file():
                synchronise(temporary)
            with putting_in_place():
                _rename(temporary, path)
            synchronise_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error
    except OutputError as error:
        text = str(error)
        if f"{path}" in text:
            raise
        raise OutputError(f"{path}: {text}") from error


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a whole file by :func:`atomic_path` and compare it with what was written.

    Args:
        path: The file.
        content: Bytes, or text, which is written as UTF-8 with its line ends unchanged.

    Raises:
        OutputError: If the file cannot be written.

    Example:
        >>> write_atomically(Path("scores.json"), "{}")
        >>> Path("scores.json").read_text()
        '{}'
    """
    with atomic_path(path) as temporary:
        write_verified(temporary, content)


def _rename(temporary: Path, path: Path) -> None:
    """Rename a file to its final path; an existing file is replaced only if that was expected."""
    if path.absolute() not in _expected_absent:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # fails if the name is taken, in one step
    except OSError as error:  # this one, or the file system has no hard links
        if path.exists():
            raise OutputError(
                f"{path}: was written by another command meanwhile and is kept, use --overwrite to "
                "replace it"
            ) from error
        temporary.replace(path)
    _expected_absent.discard(path.absolute())


@contextmanager
def live_temporary(path: Path) -> Iterator[None]:
    """Remove a temporary file or folder when the block ends, or the process is abandoned."""
    with _lock:
        _live.add(path)
    try:
        yield
    finally:
        remove_path(path)
        with _lock:
            _live.discard(path)


@contextmanager
def putting_in_place() -> Iterator[None]:
    """Rename within this block: :func:`abandon_temporaries` waits for it, or prevents its start."""
    with _lock:
        yield


def abandon_temporaries() -> None:
    """Remove all unfinished files immediately before the process exits.

    Afterwards no file can be renamed: a thread that tries blocks until the exit.
    """
    _lock.acquire()  # and never released
    left, deadline = set(_live), time.monotonic() + _GIVE_UP_SECONDS
    while left and time.monotonic() < deadline:  # Windows does not delete open files
        left = {path for path in left if not remove_path(path)}
        time.sleep(0.02 if left else 0)
