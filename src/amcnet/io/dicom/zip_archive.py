"""Zip archives of DICOM files: checked once, opened once, and read in memory."""

import struct
import threading
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from amcnet.errors import InputError
from amcnet.memory import GIB

MAX_FILES = 100_000
# A volume of a single constant intensity unpacks to a far larger size than any real scan.
MAX_RATIO, ALWAYS_FINE_BYTES = 200, 1 << 26
_MAX_DIRECTORY_BYTES = 1 << 26
_END_RECORD = struct.Struct("<4s4H2LH")


class Archive:
    """A zip archive that stays open between reads, so that its directory is parsed once.

    It can be read from several threads. :meth:`close` closes the file; the next read opens it
    again.

    Args:
        path: The archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._lock = threading.Lock()

    def members(self) -> list[zipfile.ZipInfo]:
        """Return the files in the archive by name, without folders.

        Raises:
            InputError: If the archive is damaged or encrypted, has a member whose name leads
                outside, has too many members, or unpacks to an implausible size for a scan.
        """
        path = self.path
        if directory_bytes(path) > _MAX_DIRECTORY_BYTES:
            raise InputError(f"{path}: holds more than {MAX_FILES} files, expected one study")
        try:
            members = [info for info in self._opened().infolist() if not info.is_dir()]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise InputError(
                f"{path}: the content is not a zip archive, expected an intact one"
            ) from None
        if len(members) > MAX_FILES:
            raise InputError(f"{path}: holds {len(members)} files, expected one study")
        if any(info.flag_bits & 1 for info in members):
            raise InputError(f"{path}: is encrypted, expected a zip archive without a password")
        for info in members:
            if _leads_outside(info.filename):
                raise InputError(
                    f"{path}: the name of member '{info.filename}' leads outside the archive, "
                    "expected names inside it"
                )
        # zipfile never returns more than the declared size of a member.
        unpacked, packed = sum(info.file_size for info in members), path.stat().st_size
        if unpacked > max(MAX_RATIO * packed, ALWAYS_FINE_BYTES):
            raise InputError(
                f"{path}: unpacks from {packed / GIB:.3f} to {unpacked / GIB:.1f} GiB, "
                f"expected at most {MAX_RATIO} times its size"
            )
        return sorted(members, key=lambda info: info.filename)

    def open(self, name: str) -> IO[bytes]:
        """Open a member to read it from its beginning."""
        return self._opened().open(name)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._zip is not None:
                self._zip.close()
            self._zip = None

    def _opened(self) -> zipfile.ZipFile:
        with self._lock:
            if self._zip is None:
                self._zip = zipfile.ZipFile(self.path)
            return self._zip


def directory_bytes(path: Path) -> int:
    """Return the size of an archive's member directory from its end record, 0 if it has none."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 65_535 - _END_RECORD.size))
        tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END_RECORD.size:
        return 0
    directory = int(_END_RECORD.unpack_from(tail, place)[5])
    # A zip64 archive writes 0xFFFFFFFF here; then the size of the file itself is the limit.
    return min(directory, size)


def _leads_outside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/"))
    return parts.is_absolute() or ".." in parts.parts or name[1:2] == ":"
