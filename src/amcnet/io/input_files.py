"""Checks of input files: regular files only, and data files only in the folder of their header."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from amcnet.errors import InputError
from amcnet.io.plain_names import comparable_text

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def check_regular_file(path: Path, expected: str) -> None:
    """Check that a path is a regular file, without opening it: a named pipe would block.

    Args:
        path: The path; links are followed.
        expected: Description of the expected file, for the error message.

    Raises:
        InputError: If it does not exist, or is a folder, pipe, socket or device.
    """
    try:
        os.fsencode(path).decode("utf-8")  # so that it works in locales other than UTF-8
    except UnicodeError as error:
        raise InputError(f"{str(path)!a}: the file name is not valid UTF-8") from error
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file, expected {expected}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read ({reason})") from error
    if stat.S_ISREG(mode):
        return
    kind = next((text for is_kind, text in _KINDS if is_kind(mode)), "a special file")
    raise InputError(f"{path}: is {kind}, expected {expected}")


def find_data_files(header: Path, names: Sequence[str]) -> list[Path]:
    """Return the data files that a detached header names.

    An untrusted header must not be able to read other files of this machine, so the data files must
    be in the folder of the header and named without a folder. Letter case, and how accents are
    stored, may differ from the names on the disk if only one file fits.

    Args:
        header: The header file.
        names: The names in the header.

    Raises:
        InputError: If a name is not text, contains a folder, does not exist, or leads to a file
            that is not a regular file or is in another folder (a link).
    """
    similar: dict[str, list[Path]] = {}  # listed once, when the first name is not found

    def find(name: str) -> Path | None:
        exact = header.parent / name
        if exact.exists():
            return exact
        if not similar:
            for path in header.parent.iterdir():
                similar.setdefault(comparable_text(path.name), []).append(path)
        found = similar.get(comparable_text(name), [])
        return found[0] if len(found) == 1 else None

    return [_data_file(header, name, find) for name in names]


def _data_file(header: Path, name: str, find: Callable[[str], Path | None]) -> Path:
    """Return the data file with a name, see :func:`find_data_files`."""
    if not name.isprintable():
        raise InputError(f"{header}: the name of its data file is {name!a}, expected UTF-8 text")
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if len(parts) != 1 or parts[0] in ("..", "/") or ":" in name:
        raise InputError(
            f"{header}: its data file is '{name}', expected a plain file name in the same folder"
        )
    path = find(parts[0])
    if path is None:
        raise InputError(f"{header}: its data file '{name}' was not found in the same folder")
    try:
        check_regular_file(path, "a data file")
    except InputError as error:
        raise InputError(f"{header}: its data file cannot be used: {error}") from None
    folders = {header.parent.resolve(), header.resolve().parent}
    if path.resolve().parent not in folders:
        raise InputError(
            f"{header}: its data file '{name}' is a link to another folder, expected a file in "
            "the same folder"
        )
    return path
