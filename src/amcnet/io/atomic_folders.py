"""Atomic output of whole folders: write to a temporary name and rename."""

import ctypes
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from amcnet.errors import OutputError
from amcnet.io.atomic_files import live_temporary, putting_in_place
from amcnet.io.verified_files import synchronise, synchronise_folder

_CURRENT_FOLDER = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS
_LONGEST_NAME_BYTES = 255
_KINDS = ("partial", "former", "removed")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder next to ``path``, and remove its remains afterwards.

    Fill it, check it, and hand it to :func:`put_in_place`.

    Raises:
        OutputError: If the operating system refuses to write.
    """
    folder = _beside(path, "partial")
    try:
        with live_temporary(folder):
            folder.mkdir()
            yield folder
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error


def put_in_place(folder: Path, path: Path) -> None:
    """Rename a folder to ``path``, replacing an existing folder as a whole.

    Linux and macOS exchange the two atomically. On other systems, the old folder has a hidden name
    for a moment; :func:`recover_folders` restores it if the process ends in that moment.
    """
    with putting_in_place():
        if not path.exists():
            folder.rename(path)
        elif _exchange(folder, path):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            former = _beside(path, "former")
            path.rename(former)
            try:
                folder.rename(path)
            except OSError:
                former.rename(path)
                raise
            shutil.rmtree(former, ignore_errors=True)
        synchronise_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder; its name disappears immediately, even if the removal is interrupted.

    Raises:
        OutputError: If the operating system refuses.
    """
    doomed = _beside(path, "removed")
    try:
        path.rename(doomed)
    except OSError as error:
        raise OutputError(f"{path}: could not be removed ({error.strerror})") from error
    shutil.rmtree(doomed, ignore_errors=True)


def recover_folders(parent: Path) -> None:
    """Restore or remove the leftovers of killed processes in a folder.

    A folder whose replacement was interrupted gets its name back; unfinished, replaced and removed
    folders are deleted. Call this only while no other process writes there.
    """
    for path in sorted(parent.glob(".*")):
        name, kind = _origin(path)
        if kind == "former" and not (parent / name).exists():
            path.rename(parent / name)
        elif kind:
            shutil.rmtree(path, ignore_errors=True)


def sync_files(folder: Path) -> None:
    """Flush the files of a folder to disk, so that they survive a power failure."""
    for path in folder.rglob("*"):
        if path.is_file():
            synchronise(path)
        else:
            synchronise_folder(path)
    synchronise_folder(folder)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange the names of two folders atomically; return whether the system supports it."""
    function = _exchange_function()
    if function is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    if sys.platform == "darwin":
        return bool(function(*names, _EXCHANGE) == 0)
    return bool(function(_CURRENT_FOLDER, names[0], _CURRENT_FOLDER, names[1], _EXCHANGE) == 0)


@cache
def _exchange_function() -> Any:  # noqa: ANN401
    if sys.platform not in {"linux", "darwin"}:
        return None
    name = "renamex_np" if sys.platform == "darwin" else "renameat2"
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except OSError:
        return None


def _beside(path: Path, kind: str) -> Path:
    """Return a hidden name beside a path, from which :func:`_origin` tells the path's name."""
    suffix = f"-{kind}-{uuid.uuid4().hex[:12]}"
    room = _LONGEST_NAME_BYTES - len(suffix) - 1
    stem = os.fsdecode(os.fsencode(path.name)[:room])
    return path.with_name(f".{stem}{suffix}")


def _origin(path: Path) -> tuple[str, str]:
    """Return the name that a hidden folder was or will be, and its kind; empty texts for others."""
    stem, _, code = path.name.rpartition("-")
    stem, _, kind = stem.rpartition("-")
    is_ours = kind in _KINDS and len(code) == 12 and stem.startswith(".") and len(stem) > 1
    return (stem[1:], kind) if is_ours else ("", "")
