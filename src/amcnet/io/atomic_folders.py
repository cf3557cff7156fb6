"""Atomic output of whole folders: write to a temporary name and rename."""

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from amcnet.errors import OutputError
from amcnet.io.atomic_files import live_temporary, putting_in_place
from amcnet.io.partial_names import hidden_folder_path, recover_folder, remove_stale
from amcnet.io.verified_files import synchronise_files, synchronise_folder

_CURRENT_FOLDER = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder next to ``path``, and remove its remains afterwards.

    The caller fills it, checks it, and passes it to :func:`put_in_place`.

    Raises:
        OutputError: If the operating system refuses to write.
    """
    remove_stale(path.parent)
    folder = hidden_folder_path(path, "partial")
    try:
        with live_temporary(folder):
            folder.mkdir()
            yield folder
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: could not be written ({reason})") from error


def put_in_place(folder: Path, path: Path, overwrite: bool = True) -> None:
    """Flush a folder to disk and rename it to ``path``, replacing an existing one as a whole.

    With ``overwrite`` False only an empty folder is replaced: if two commands write one folder, one
    succeeds.

    Linux and macOS exchange the two atomically. On other systems the former folder has a hidden
    name for a moment; :func:`recover_folders` restores it if the process ends in that moment.

    Raises:
        OutputError: If ``path`` is a folder with files and ``overwrite`` is False.
    """
    synchronise_files(folder)
    with putting_in_place():
        if not overwrite:
            _rename_where_empty(folder, path)
        elif not path.exists():
            folder.rename(path)
        elif _exchange(folder, path):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            former = hidden_folder_path(path, "former")
            path.rename(former)
            try:
                folder.rename(path)
            except OSError:
                former.rename(path)
                raise
            shutil.rmtree(former, ignore_errors=True)
        synchronise_folder(path.parent)


def _rename_where_empty(folder: Path, path: Path) -> None:
    with suppress(OSError):
        path.rmdir()  # fails if the folder is absent or not empty
    try:
        folder.rename(path)  # the same
    except OSError as error:
        if path.exists():
            raise OutputError(
                f"{path}: was written by another command meanwhile and is kept, use --overwrite to "
                "replace it"
            ) from error
        raise


def remove_folder(path: Path) -> None:
    """Remove a folder; its name disappears immediately, even if the removal is interrupted.

    Raises:
        OutputError: If the operating system refuses.
    """
    doomed = hidden_folder_path(path, "removed")
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
        recover_folder(path)


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
