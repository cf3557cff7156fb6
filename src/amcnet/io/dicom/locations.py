"""Where DICOM files are: in a folder and those in it, in a zip archive, behind a DICOMDIR."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from amcnet.errors import InputError
from amcnet.io.extensions import find_extension
from amcnet.memory import GIB, check_room

DICOM_EXTENSIONS = (".dcm", ".dicom")
ZIP_EXTENSION = ".zip"
DIRECTORY_NAME = "DICOMDIR"

_MAGIC, _MAGIC_START = b"DICM", 128
_MAX_FILES = 100_000
# Volumes of one grey unpack to far more than any real scan; what unpacks to more is no scan.
_MAX_RATIO, _ALWAYS_FINE_BYTES = 200, 1 << 26


@dataclass(frozen=True)
class Location:
    """One file, on disk or in a zip archive.

    Attributes:
        path: The file, or the archive.
        member: Its name in the archive; None for a file on disk.
        num_bytes: Its size, unpacked.
    """

    path: Path
    member: str | None
    num_bytes: int

    def __str__(self) -> str:
        return f"{self.path}" if self.member is None else f"{self.path} ({self.member})"

    def open_header(self) -> IO[bytes]:
        """Open it to read its beginning; little of a member of an archive is unpacked."""
        return self.path.open("rb") if self.member is None else _Member(self.path, self.member)

    def open_whole(self) -> IO[bytes]:
        """Open it to read all of it, in any order.

        Raises:
            InputError: If a member of an archive is damaged.
            NotEnoughMemoryError: If it has to be unpacked and does not fit into memory.
        """
        if self.member is None:
            return self.path.open("rb")
        check_room(f"{self}", self.num_bytes)
        try:
            with _Member(self.path, self.member) as stream:
                return io.BytesIO(stream.read())
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            raise InputError(f"{self}: is damaged, expected an intact archive") from None


class _Member(io.BufferedReader):
    """A member of an archive, which closes the archive when it is closed."""

    def __init__(self, path: Path, name: str) -> None:
        self._archive = zipfile.ZipFile(path)
        super().__init__(self._archive.open(name))  # type: ignore[arg-type]

    def close(self) -> None:
        super().close()
        self._archive.close()


def find_locations(path: Path) -> Iterator[Location]:
    """Return all files that a path stands for, in the order of their names.

    Args:
        path: A file, a folder (with all folders in it), a zip archive or a ``DICOMDIR``.

    Raises:
        InputError: If there is no such file or folder, or an archive is damaged, encrypted or
            unpacks to much more than a scan could.
    """
    if path.is_dir():
        yield from _in_folder(path)
    elif not path.is_file():
        raise InputError(f"{path}: no such file or folder, expected DICOM images")
    elif find_extension(path, (ZIP_EXTENSION,)):
        yield from _in_archive(path)
    else:
        yield Location(path, None, path.stat().st_size)


def is_dicom(path: Path) -> bool:
    """Return whether a path is to be read as DICOM, whatever state it is in.

    That is a file with a name of DICOM or a zip archive, a file without a known name whose content
    begins as DICOM does, or a folder with such a file in it or in the folders in it.
    """
    if path.is_dir():
        return next(_beginning_as_dicom(path), None) is not None
    if _has_dicom_name(path) or find_extension(path, (ZIP_EXTENSION,)):
        return True
    return _begins_as_dicom(path)


def _has_dicom_name(path: Path) -> bool:
    named = find_extension(path, DICOM_EXTENSIONS) is not None
    return named or path.name.upper() == DIRECTORY_NAME


def _begins_as_dicom(path: Path) -> bool:
    try:
        if not path.is_file():  # to open a named pipe would block
            return False
        with path.open("rb") as stream:
            return stream.read(_MAGIC_START + 4)[_MAGIC_START:] == _MAGIC
    except (OSError, ValueError):
        return False


def _beginning_as_dicom(folder: Path) -> Iterator[Path]:
    for count, path in enumerate(_walk(folder)):
        if count == _MAX_FILES:
            return
        if _begins_as_dicom(path):
            yield path


def first_dicom_file(folder: Path) -> Path | None:
    """Return the first DICOM file directly in a folder, by name; None where there is none."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return next((path for path in files if _begins_as_dicom(path)), None)


def _walk(folder: Path) -> Iterator[Path]:
    """Return the files of a folder, then those of the folders in it; no links to folders."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(root) / name


def _in_folder(folder: Path) -> Iterator[Location]:
    for count, path in enumerate(_walk(folder)):
        if count == _MAX_FILES:
            raise InputError(f"{folder}: holds more than {_MAX_FILES} files, expected one study")
        if path.is_file():
            yield Location(path, None, path.stat().st_size)


def _in_archive(path: Path) -> Iterator[Location]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InputError(f"{path}: the content is no zip archive, expected an intact one") from None
    if len(members) > _MAX_FILES:
        raise InputError(f"{path}: holds {len(members)} files, expected one study")
    if any(info.flag_bits & 1 for info in members):
        raise InputError(f"{path}: is encrypted, expected a zip archive without a password")
    # zipfile hands out no more than a member's stated size, whatever the member really holds.
    unpacked, packed = sum(info.file_size for info in members), path.stat().st_size
    if unpacked > max(_MAX_RATIO * packed, _ALWAYS_FINE_BYTES):
        raise InputError(
            f"{path}: unpacks from {packed / GIB:.3f} to {unpacked / GIB:.1f} GiB, "
            f"expected at most {_MAX_RATIO} times its size"
        )
    for info in sorted(members, key=lambda info: info.filename):
        yield Location(path, info.filename, info.file_size)
