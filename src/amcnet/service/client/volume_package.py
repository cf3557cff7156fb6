"""The upload of a volume: its file, or a zip archive of the files that belong to it."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amcnet.bundle.bundle import sha256_of
from amcnet.errors import InputError
from amcnet.io import find_extension
from amcnet.workflows.segment.file_names import channel_files

_CHUNK_BYTES = 1 << 20
_DETACHED = (".nhdr", ".mhd")
_DATE = (1980, 1, 1, 0, 0, 0)  # the same files give the same archive, and therefore the same job


@dataclass(frozen=True)
class VolumePackage:
    """An upload.

    Attributes:
        file: The file to send.
        name: Name of the volume.
        sha256: SHA-256 of that file.
        is_archive: Whether the service must unpack it.
    """

    file: Path
    name: str
    sha256: str
    is_archive: bool


@contextmanager
def packed_volume(source: Path, channels: int) -> Iterator[VolumePackage]:
    """Yield the upload of a volume.

    A folder of DICOM images is sent as a zip archive, which the service reads as it is. Files that
    belong together (channels; a header with its data) are sent as an archive that it unpacks.

    Args:
        source: The volume, or the file of its channel 0.
        channels: Input channels of the model.

    Raises:
        InputError: If a file is missing or cannot be read.
    """
    files = _files_of(source, channels)
    if len(files) == 1 and source.is_file() and source.name.upper() != "DICOMDIR":
        yield VolumePackage(source, source.name, sha256_of_upload(source), is_archive=False)
        return
    folder = source if source.is_dir() else source.parent
    is_dicom = source.is_dir() or source.name.upper() == "DICOMDIR"
    with tempfile.TemporaryDirectory(prefix="amcnet-") as temporary:
        archive = Path(temporary) / "volume.zip"
        pack_files(archive, folder, files)
        name = f"{folder.absolute().name or 'dicom'}.zip" if is_dicom else source.name
        yield VolumePackage(archive, name, sha256_of_upload(archive), is_archive=not is_dicom)


def _files_of(source: Path, channels: int) -> list[Path]:
    if source.is_dir() or source.name.upper() == "DICOMDIR":
        folder = source if source.is_dir() else source.parent
        return sorted(path for path in folder.rglob("*") if path.is_file())
    files = channel_files(source, channels)
    return [part for file in files for part in (file, *_data_files(file))]


def _data_files(header: Path) -> list[Path]:
    """Return the files in the folder of a header that hold its voxels.

    Raises:
        InputError: If there are none.
    """
    if find_extension(header, _DETACHED) is None:
        return []
    text = header.read_bytes()[: 1 << 20].decode("latin-1")
    beside = [path for path in sorted(header.parent.iterdir()) if path.is_file()]
    named = [path for path in beside if path != header and path.name in text]
    if not named:
        raise InputError(
            f"{header}: its data files are not in its folder, or are named by a pattern; expected "
            "a volume in one file for a server, such as .nrrd or .mha"
        )
    return named


def pack_files(archive: Path, folder: Path, files: list[Path]) -> None:
    """Write files of a folder as a zip archive; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in dict.fromkeys(files):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _DATE)
            with path.open("rb") as source, packed.open(member, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)


def sha256_of_upload(file: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return sha256_of(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
