"""File names and safe writing: compound extensions and write-beside-then-rename."""

import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amcnet.errors import OutputError

_live: set[Path] = set()
_lock = threading.Lock()
_GIVE_UP_SECONDS = 0.6


def find_extension(path: Path, known: tuple[str, ...]) -> str | None:
    """Return the longest of the known extensions that a file name ends with, in lower case.

    Args:
        path: Any path; upper and lower case count the same.
        known: Extensions with their leading dot; compound ones such as ``.nii.gz`` are welcome.
    """
    name = path.name.lower()
    matches = [extension for extension in known if name.endswith(extension)]
    return max(matches, key=len, default=None)


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths name one existing file."""
    return first.exists() and second.exists() and first.samefile(second)


def check_parent(path: Path) -> None:
    """Check that something can be made beside the other entries of a path's folder.

    Raises:
        OutputError: If the folder does not exist, or this user may not write there.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' does not exist, create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder '{path.parent}' is read-only, expected another one")


def make_folder(path: Path) -> None:
    """Make a folder whose parent exists; one that is there already stays as it is.

    Raises:
        OutputError: If the parent does not exist or is read-only, or ``path`` is a file.
    """
    if path.is_dir():
        return
    if path.exists():
        raise OutputError(f"{path}: is a file, expected a folder")
    check_parent(path)
    path.mkdir(exist_ok=True)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name keeps the extensions, so that a writer which picks its format by the
    name picks the right one. When the block fails or is interrupted, the temporary file is
    removed and an existing ``path`` is left as it was.

    Raises:
        OutputError: If the operating system refuses to write or to rename.
    """
    path = Path(path)
    # Short enough even where all that is kept of a name are characters of four bytes.
    stem = path.name.partition(".")[0][:30]
    _, dot, extensions = path.name[-24:].partition(".")
    temporary = path.with_name(f"{stem}-partial-{uuid.uuid4().hex[:12]}{dot}{extensions}")
    try:
        with live_temporary(temporary):
            yield temporary
            with putting_in_place():
                temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error


@contextmanager
def live_temporary(path: Path) -> Iterator[None]:
    """Remove a temporary file or folder when the block ends, or the process is abandoned."""
    with _lock:
        _live.add(path)
    try:
        yield
    finally:
        _remove(path)
        with _lock:
            _live.discard(path)


@contextmanager
def putting_in_place() -> Iterator[None]:
    """Rename within this block: :func:`abandon_temporaries` waits for it, or it never begins."""
    with _lock:
        yield


def abandon_temporaries() -> None:
    """Remove what is being written now, in whatever thread; for a process that ends at once.

    Nothing can be renamed to its place afterwards: a thread that tries waits for ever.
    """
    _lock.acquire()  # and never released
    left, deadline = set(_live), time.monotonic() + _GIVE_UP_SECONDS
    while left and time.monotonic() < deadline:  # Windows keeps files that are open
        left = {path for path in left if not _remove(path)}
        time.sleep(0.02 if left else 0)


def _remove(path: Path) -> bool:
    """Remove a file or folder; return whether it is gone."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return not path.exists()
