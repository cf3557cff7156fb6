"""Temporary names of unfinished files and folders, and the removal of abandoned ones.

A name identifies the process and the machine that write the file, so a later run can distinguish
leftovers of killed processes from files that are still being written.
"""

import hashlib
import os
import re
import shutil
import threading
import uuid
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

_NAME = re.compile(
    r"\.(?P<name>.+)-(?P<kind>partial|former|removed)-(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]+)-"
)
_LONGEST_NAME_BYTES = 255
_MOST_STEM, _MOST_EXTENSION = 30, 24  # characters of up to four bytes; a name has at most 255 bytes
_cleaned: set[Path] = set()
_lock = threading.Lock()


def partial_path(path: Path) -> Path:
    """Return a unique hidden name next to ``path``, with the same extensions."""
    stem = path.name.lstrip(".").partition(".")[0][:_MOST_STEM]
    _, dot, extensions = path.name[-_MOST_EXTENSION:].lstrip(".").partition(".")
    return path.with_name(f".{stem}-partial-{_writer()}{dot}{extensions}")


def hidden_folder_path(path: Path, kind: Literal["partial", "former", "removed"]) -> Path:
    """Return a hidden name next to a folder that encodes its state: new, replaced or removed."""
    suffix = f"-{kind}-{_writer()}"
    stem = os.fsencode(path.name)[: _LONGEST_NAME_BYTES - len(suffix) - 1]
    return path.with_name(f".{os.fsdecode(stem)}{suffix}")


def remove_stale(folder: Path) -> None:
    """Remove unfinished files and folders of dead processes in a folder, once per process.

    A folder whose replacement was interrupted gets its name back.
    """
    with _lock:
        if folder in _cleaned:
            return
        _cleaned.add(folder)
    try:
        entries = [entry for entry in folder.iterdir() if entry.name.startswith(".")]
    except OSError:
        return
    for entry in entries:
        if _is_stale(entry):
            recover_folder(entry)


def recover_folder(path: Path) -> None:
    """Restore or remove a leftover of a dead process, recognised by its name."""
    match = _NAME.match(path.name)
    if match is None:
        return
    original = path.with_name(match["name"])
    if match["kind"] == "former" and not original.exists():
        path.rename(original)
    else:
        remove_path(path)


def _is_stale(path: Path) -> bool:
    """Return whether a path is the unfinished output of a dead process of this machine."""
    match = _NAME.match(path.name)
    if match is None or match["host"] != _host():
        return False
    try:
        process = psutil.Process(int(match["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return bool(
            path.lstat().st_mtime < process.create_time() - 1
        )  # another process now has this number
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError, OverflowError):
        return False


def remove_path(path: Path) -> bool:
    """Remove a file or folder; return whether it is gone."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return not path.exists()


def _writer() -> str:
    return f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@cache
def _host() -> str:
    """Return a short text that differs between machines which share a disk."""
    node = f"{os.uname().nodename if hasattr(os, 'uname') else os.environ.get('COMPUTERNAME', '')}"
    return hashlib.sha256(node.encode()).hexdigest()[:8]
