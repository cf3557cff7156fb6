"""Pack a model bundle into one .zip file and unpack it safely."""

import shutil
import stat
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from amcnet.bundle.bundle import load_bundle, parse_description
from amcnet.bundle.description import DESCRIPTION_FILE
from amcnet.errors import ModelError, OutputError
from amcnet.io import check_free
from amcnet.io.atomic_files import write_atomically
from amcnet.io.dicom.zip_archive import directory_bytes

_MAX_DESCRIPTION_BYTES = 64 * 2**20
_MAX_FILE_BYTES = 4 * 2**30
_MAX_FILES = 100
_MAX_DIRECTORY_BYTES = 2**16
_FREE_BYTES = 64 * 2**20  # files up to this size may have any compression ratio
_MAX_PACKING = 50  # compression ratio; weights shrink by a tenth, a file of zeros a thousandfold
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


def pack_bundle(model: str | Path | None, path: Path, overwrite: bool = False) -> None:
    """Write a model bundle as a .zip; the same bundle gives the same bytes.

    Args:
        model: Folder, run folder or installed name of the model, see :func:`find_model`.
        path: The file to write.
        overwrite: Replace an existing file.

    Raises:
        ModelError: If the bundle is missing or damaged.
        OutputError: If the file cannot be written.

    >>> pack_bundle("hand", Path("hand.zip"))
    >>> Path("hand.zip").stat().st_size > 10**6
    True
    """
    if path.suffix.lower() != ".zip":
        raise OutputError(f"{path}: unknown file type '{path.suffix}', expected .zip")
    check_free(path, overwrite)
    bundle = load_bundle(model)
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (DESCRIPTION_FILE, *sorted(bundle.description.sha256)):
            # An entry without a date gets 1980, so equal bundles give equal bytes.
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            with (bundle.folder / name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)
    write_atomically(path, content.getvalue())


def unpack_bundle(path: Path, folder: Path) -> None:
    """Unpack the .zip of a model bundle without verifying its checksums, see :func:`load_bundle`.

    Only files that the bundle's description lists are written, under their names without folders.

    Args:
        path: The archive.
        folder: An existing, empty folder.

    Raises:
        ModelError: If the file is not such an archive, is damaged, or contains other files.
    """
    if directory_bytes(path) > _MAX_DIRECTORY_BYTES:  # a list of millions takes gigabytes
        raise ModelError(f"{path}: holds more than {_MAX_FILES} files, expected a model bundle's")
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in _checked_entries(path, archive):
                with archive.open(entry) as source, (folder / entry.filename).open("wb") as target:
                    # zipfile stops at the declared size and compares the CRC there.
                    shutil.copyfileobj(source, target)
    except _UNREADABLE as error:
        raise ModelError(
            f"{path}: cannot be read ({error}), expected a complete .zip of a model bundle"
        ) from error


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the entries after checking that they are the bundle's files and nothing else."""
    entries = archive.infolist()
    named = {entry.orig_filename: entry for entry in entries}
    if DESCRIPTION_FILE not in named:
        raise ModelError(
            f"{path}: holds no {DESCRIPTION_FILE}, expected the .zip of a model bundle"
        )
    _check_entry(path, named[DESCRIPTION_FILE], _MAX_DESCRIPTION_BYTES)
    inside = path / DESCRIPTION_FILE
    description = parse_description(inside, archive.read(named[DESCRIPTION_FILE]))
    expected = {DESCRIPTION_FILE, *description.sha256}
    if len(expected) > _MAX_FILES:
        raise ModelError(f"{inside}: lists {len(expected)} files, expected at most {_MAX_FILES}")
    for entry in entries:
        if entry.orig_filename not in expected:
            listed = ", ".join(sorted(expected))
            raise ModelError(f"{path}: holds {entry.orig_filename!r}, expected only {listed}")
        _check_entry(path, entry, _MAX_FILE_BYTES)
    if len(entries) != len(named):
        raise ModelError(f"{path}: holds a file more than once, expected each once")
    missing = sorted(expected - set(named))
    if missing:
        raise ModelError(f"{path}: holds no {', '.join(missing)}, expected all of the bundle")
    return entries


def _check_entry(path: Path, entry: zipfile.ZipInfo, largest_bytes: int) -> None:
    """Check that an entry is a regular file of plausible size."""
    mode = entry.external_attr >> 16
    is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG) and not entry.flag_bits & 1
    if not is_plain or entry.compress_type not in _METHODS:
        raise ModelError(
            f"{path}: {entry.filename} is a link, encrypted or packed in an unusual way, "
            "expected a plain file"
        )
    if entry.file_size > largest_bytes:
        raise ModelError(
            f"{path}: {entry.filename} would have {entry.file_size} bytes, "
            f"expected no more than {largest_bytes}"
        )
    if entry.file_size > max(_FREE_BYTES, _MAX_PACKING * entry.compress_size):
        raise ModelError(
            f"{path}: {entry.filename} would unpack from {entry.compress_size} to "
            f"{entry.file_size} bytes, expected at most {_MAX_PACKING} times as many"
        )
