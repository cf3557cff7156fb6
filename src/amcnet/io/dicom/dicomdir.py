"""DICOMDIR: the list of files on a medium."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.errors import InputError
from amcnet.io.dicom.headers import value_of, whole_number
from amcnet.io.dicom.locations import Location

_IN_USE = 0xFFFF
_RECORDS = b"\x04\x00\x20\x12SQ\0\0"  # DirectoryRecordSequence, explicit VR little endian
_UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class DirectoryEntry:
    """A file that a DICOMDIR lists.

    Attributes:
        series_uid: SeriesInstanceUID of its series; empty if there is none.
        parts: Names of its folders and of the file itself, relative to the folder of the DICOMDIR.
    """

    series_uid: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.parts)


def check_whole_directory(location: Location) -> None:
    """Check that a DICOMDIR has all of its records: the files of missing ones would be skipped.

    Args:
        location: The DICOMDIR.

    Raises:
        InputError: If it is truncated.
    """
    with location.open_whole() as stream:
        content = stream.read()
    start = content.find(_RECORDS)
    first = start + len(_RECORDS) + 4
    length = int.from_bytes(content[first - 4 : first], "little")
    if (
        start < 0
        or len(content) < first
        or (length != _UNDEFINED_LENGTH and len(content) < first + length)
    ):
        raise InputError(f"{location}: the file is truncated, expected a whole DICOMDIR")


def entries_of(header: Any, name: str) -> list[DirectoryEntry]:  # noqa: ANN401
    """Return the files that a DICOMDIR lists.

    Args:
        header: Header of the DICOMDIR.
        name: Name of the DICOMDIR in error messages.

    Raises:
        InputError: If the name of a file leads outside the folder of the DICOMDIR.
    """
    found = []
    for record, series_uid in _records(header):
        file_id = value_of(record, "ReferencedFileID")
        if file_id is None:
            continue
        parts = (file_id,) if isinstance(file_id, str) else tuple(str(part) for part in file_id)
        if any(part in ("", ".", "..") or set(part) & set("/\\:") for part in parts):
            raise InputError(
                f"{name}: lists the file '{'/'.join(parts)}', expected names inside its folder"
            )
        found.append(DirectoryEntry(series_uid, parts))
    return found


def _records(header: Any) -> Iterator[tuple[Any, str]]:  # noqa: ANN401
    """Return all records in use, each with the UID of its series."""
    records = list(value_of(header, "DirectoryRecordSequence") or ())
    by_offset = {getattr(record, "seq_item_tell", 0): record for record in records}
    parents = {}
    for record in records:
        below = whole_number(record, "OffsetOfReferencedLowerLevelDirectoryEntity")
        while below and below in by_offset and below not in parents:
            parents[below] = record
            below = whole_number(by_offset[below], "OffsetOfTheNextDirectoryRecord")
    for record in records:
        if whole_number(record, "RecordInUseFlag", _IN_USE) != _IN_USE:
            continue
        series, seen = record, set()
        while series is not None and not value_of(series, "SeriesInstanceUID"):
            offset = getattr(series, "seq_item_tell", 0)
            if offset in seen:
                break
            seen.add(offset)
            series = parents.get(offset)
        yield record, "" if series is None else str(value_of(series, "SeriesInstanceUID") or "")


def find_entry(folder: Path, entry: DirectoryEntry) -> Path | None:
    """Return the file of an entry, ignoring letter case; None if the folder has no such file.

    Names in a DICOMDIR are upper case, but file systems may show them in lower case or with the
    version number of ISO 9660 (``IM1;1``).
    """
    place = folder
    for part in entry.parts:
        exact = place / part
        if exact.exists():
            place = exact
            continue
        wanted = comparable_file_name(part)
        try:
            names = [path for path in place.iterdir() if comparable_file_name(path.name) == wanted]
        except OSError:
            return None
        if len(names) != 1:
            return None
        place = names[0]
    is_inside = place.resolve().is_relative_to(folder.resolve())
    return place if place.is_file() and is_inside else None


def comparable_file_name(name: str) -> str:
    """Return a file name normalised for comparison: lower case, without version number."""
    return name.casefold().split(";")[0].removesuffix(".")
