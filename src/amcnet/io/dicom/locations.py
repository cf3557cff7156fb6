"""Find the files under a path: a folder with its subfolders, a zip archive, or a single file."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from amcnet.errors import InputError
from amcnet.io.dicom.zip_archive import MAX_FILES, Archive
from amcnet.io.extensions import find_extension
from amcnet.io.input_files import check_regular_file
from amcnet.memory import check_room

DICOM_EXTENSIONS = (".dcm", ".dicom")
ZIP_EXTENSION = ".zip"
DIRECTORY_NAME = "DICOMDIR"

_MAGIC, _MAGIC_START = b"DICM", 128


@dataclass(frozen=True)
class Location:
    """One file, on disk or in a zip archive.

    Attributes:
        path: The file, or the archive.
        member: Its name in the archive; None for a file on disk.
        num_bytes: Unpacked size.
        archive: The open archive; None for a file on disk.
    """

    path: Path
    member: str | None
    num_bytes: int
    archive: Archive | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        if self.member is None:
            return f"{self.path}"
        # Archives from image servers have folders named after the patient.
        return f"{self.path} ({PurePosixPath(self.member).name})"

    @property
    def name(self) -> PurePosixPath:
        """Path of the file, or of the member within its archive."""
        return PurePosixPath(self.path.as_posix() if self.member is None else self.member)

    def open_header(self) -> IO[bytes]:
        """Open the file to read its beginning; only the start of a zip member is unpacked.

        Raises:
            InputError: If it is not a regular file (reading a FIFO could block forever).
        """
        if self.archive is not None and self.member is not None:
            return self.archive.open(self.member)
        if not self.path.is_file():
            raise InputError(f"{self.path}: is not a regular file, expected a DICOM file")
        return self.path.open("rb")

    def open_whole(self) -> IO[bytes]:
        """Open the file to read all of it, in any order.

        Raises:
            InputError: If a zip member is damaged, or it is not a regular file.
            NotEnoughMemoryError: If it has to be unpacked and does not fit into memory.
        """
        if self.member is None:
            return self.open_header()
        check_room(f"{self}", self.num_bytes)
        try:
            with self.open_header() as stream:
                return io.BytesIO(stream.read())
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            raise InputError(f"{self}: is damaged, expected an intact archive") from None


def close_archives(locations: Iterable[Location]) -> None:
    """Close the archives that files were read from."""
    for archive in {one.archive for one in locations if one.archive is not None}:
        archive.close()


def location_of(path: Path) -> Location:
    """Return the location of a file on disk."""
    return Location(path, None, path.stat().st_size)


def find_locations(path: Path) -> Iterator[Location]:
    """Return all files under a path, sorted by name; hidden files are skipped.

    Args:
        path: A file, a folder (searched with its subfolders), a zip archive or a ``DICOMDIR``.

    Raises:
        InputError: If there is no such file or folder, a subfolder cannot be read, or an archive is
            damaged, encrypted or unpacks to an implausible size for a scan.
    """
    if path.is_dir():
        yield from _in_folder(path)
        return
    check_regular_file(path, "DICOM images")
    if find_extension(path, (ZIP_EXTENSION,)):
        archive = Archive(path)
        for info in archive.members():
            if not _is_hidden(PurePosixPath(info.filename)):
                yield Location(path, info.filename, info.file_size, archive)
    else:
        yield location_of(path)


def is_dicom(path: Path) -> bool:
    """Return whether a path should be read as DICOM, even if it turns out to be damaged.

    True for a file with a DICOM or zip extension, a file that starts like DICOM, and a folder that
    contains such a file, also in subfolders.

    Example:
        >>> _ = Path("notes.txt").write_text("no DICOM")
        >>> is_dicom(Path("notes.txt"))
        False
    """
    if path.is_dir():
        return next(_beginning_as_dicom(path), None) is not None
    if has_dicom_name(path) or find_extension(path, (ZIP_EXTENSION,)):
        return True
    return _begins_as_dicom(path)


def has_dicom_name(path: Path) -> bool:
    """Return whether the name of a file marks it as DICOM."""
    named = find_extension(path, DICOM_EXTENSIONS) is not None
    return named or path.name.upper() == DIRECTORY_NAME


def _begins_as_dicom(path: Path) -> bool:
    try:
        if not path.is_file():  # opening a FIFO would block
            return False
        with path.open("rb") as stream:
            return stream.read(_MAGIC_START + 4)[_MAGIC_START:] == _MAGIC
    except (OSError, ValueError):
        return False


def _beginning_as_dicom(folder: Path) -> Iterator[Path]:
    for count, path in enumerate(_walk(folder, None)):
        if count == MAX_FILES:
            return
        if _begins_as_dicom(path):
            yield path


def first_dicom_file(folder: Path) -> Path | None:
    """Return the first DICOM file directly in a folder, by name; None if there is none."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return next((path for path in files if _begins_as_dicom(path)), None)


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _walk(folder: Path, errors: list[OSError] | None) -> Iterator[Path]:
    """Return the files of a folder and then of its subfolders, without following links.

    Subfolders that cannot be read are added to ``errors``.
    """
    report = None if errors is None else errors.append
    for root, folders, files in os.walk(folder, onerror=report):
        folders[:] = sorted(name for name in folders if not _is_hidden(PurePosixPath(name)))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(root) / name


def _in_folder(folder: Path) -> Iterator[Location]:
    errors: list[OSError] = []
    for count, path in enumerate(_walk(folder, errors)):
        if count == MAX_FILES:
            raise InputError(f"{folder}: holds more than {MAX_FILES} files, expected one study")
        if path.is_file():
            yield location_of(path)
        elif has_dicom_name(path):
            found = "is a broken link" if path.is_symlink() else "is not a regular file"
            raise InputError(f"{path}: {found}, expected a DICOM file")
    if errors:
        where, reason = errors[0].filename, errors[0].strerror
        raise InputError(f"{where}: the folder cannot be read ({reason}), expected the whole study")
