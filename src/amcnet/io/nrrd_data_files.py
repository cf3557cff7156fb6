"""Locate the voxel data of an NRRD file: after the header or in separate files."""

import re
from pathlib import Path

from amcnet.errors import InputError
from amcnet.io.image_header import DataFile
from amcnet.io.input_files import find_data_files

_MOST_FILES = 100_000
_NUMBER_PLACE = re.compile("%[^%]*d")
_PATTERN = re.compile(
    r"(?P<name>[^%]*%0?[0-9]{0,2}d[^%]*?)\s+(?P<numbers>-?[0-9]+(?:\s+-?[0-9]+){2,3})"
)


def find_nrrd_data_files(
    path: Path, fields: dict[str, str], listed: list[str], start: int
) -> tuple[DataFile, ...]:
    """Return the files of the voxel data, in order.

    Args:
        path: The header file.
        fields: Its fields, by lower-case name.
        listed: The lines after ``data file: LIST``.
        start: Offset of the first byte after the header.

    Raises:
        InputError: If a file does not exist or may not be used, or a field is not a number.
    """
    lines = _number(path, fields, "line skip", 0)
    skipped = _number(path, fields, "byte skip", -1)
    name = fields.get("data file")
    compressed = fields.get("encoding", "").lower() in ("gzip", "gz", "bzip2", "bz2")
    if skipped < 0 and compressed:
        raise InputError(f"{path}: byte skip is {skipped}, expected it only with raw voxels")
    if name is None:
        return (_data_file(path, start, lines, skipped, compressed),)
    if name.upper().startswith("LIST"):
        names = listed
    elif is_pattern(name):
        names = numbered_files(path, name)
    else:
        names = [name]
    if not 1 <= len(names) <= _MOST_FILES:
        raise InputError(f"{path}: lists {len(names)} data files, expected 1 to {_MOST_FILES}")
    found = find_data_files(path, names)
    return tuple(_data_file(file, 0, lines, skipped, compressed) for file in found)


def _data_file(path: Path, start: int, lines: int, skipped: int, compressed: bool) -> DataFile:
    if skipped < 0:
        return DataFile(path, start=None)
    if compressed or lines:
        return DataFile(path, start, skipped_bytes=skipped, skipped_lines=lines)
    return DataFile(path, start + skipped)


def is_pattern(name: str) -> bool:
    """Return whether a name stands for several files; ``50%.raw`` is the name of one.

    >>> is_pattern("slice%03d.raw 1 20 1"), is_pattern("50%.raw")
    (True, False)
    """
    return _NUMBER_PLACE.search(name) is not None


def numbered_files(path: Path, pattern: str) -> list[str]:
    """Return the file names that a pattern such as ``slice%03d.raw 1 20 1`` stands for.

    Raises:
        InputError: If the pattern is invalid, or stands for no files or too many.
    """
    match = _PATTERN.fullmatch(pattern.strip())
    low, high, step = (int(word) for word in match["numbers"].split()[:3]) if match else (1, 0, 1)
    count = (high - low) // step + 1 if step else 0
    if match is None or not 1 <= count <= _MOST_FILES:
        raise InputError(
            f"{path}: its data files are '{pattern}', expected a pattern such as "
            "'slice%03d.raw 1 20 1'"
        )
    return [match["name"] % (low + index * step) for index in range(count)]


def _number(path: Path, fields: dict[str, str], name: str, least: int) -> int:
    text = fields.get(name, "0")
    if not re.fullmatch("-?[0-9]{1,15}", text) or int(text) < least:
        raise InputError(f"{path}: {name} is '{text}', expected a number of at least {least}")
    return int(text)
