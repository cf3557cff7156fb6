"""Receive a volume: streamed to the disk, hashed on the way, refused if it is too large."""

import hashlib
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from amcnet.errors import AmcnetError, InputError
from amcnet.io import IMAGE_EXTENSIONS, find_extension
from amcnet.io.dicom.zip_archive import directory_bytes
from amcnet.service.protocol import SHA256_HEADER
from amcnet.service.queue.job_folders import is_full

ARCHIVE = ".zip"
_BUFFER_BYTES = 1 << 20
_IDLE_SECONDS = 60
_MOST_NAME_BYTES = 200
_MOST_ENTRY_BYTES = 1024  # of the list of files in an archive, for each file
_SPECIAL = frozenset('/\\:*?"<>|')
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def checked_name(name: str) -> str:
    """Check the name of an upload: a plain name that is not hidden.

    Raises:
        InputError: If it cannot be used.
    """
    if not is_plain_name(name) or name.startswith("-"):
        raise InputError(f"name: found {name!r}, expected the plain name of a file")
    if find_extension(Path(name), (*IMAGE_EXTENSIONS, ARCHIVE)) is None:
        known = " ".join((*IMAGE_EXTENSIONS, ARCHIVE))
        raise InputError(f"name: found {name!r}, expected one that ends in {known}")
    return name


async def check_announced_size(
    request: Request, most_bytes: int, check_room: Callable[[int], None]
) -> None:
    """Refuse an upload before it arrives if the size in its header is too large.

    Args:
        request: The request.
        most_bytes: Largest size.
        check_room: Raises NoRoomError if the disk has no room for so many bytes.

    Raises:
        HTTPException: If it is larger than allowed.
        NoRoomError: If there is no room for it.
    """
    stated = request.headers.get("content-length", "0")
    announced = int(stated) if stated.isdecimal() else 0
    if announced > most_bytes:
        raise too_large(most_bytes)
    await run_sync(check_room, announced)


async def receive_upload(
    request: Request, path: Path, most_bytes: int, check_room: Callable[[], None]
) -> str:
    """Write the body of a request to a file and return its SHA-256.

    Args:
        request: The request.
        path: The file.
        most_bytes: Largest size.
        check_room: Raises NoRoomError if the disk is full; called before each write.

    Raises:
        HTTPException: If it is too large, too slow, incomplete, or differs from its header.
        NoRoomError: If there is no room left for new uploads.
        OSError: If the disk is full.
    """
    digest, received = hashlib.sha256(), 0
    with path.open("wb") as file:
        try:
            async for chunk in _buffered(request):
                received += len(chunk)
                if received > most_bytes:
                    raise too_large(most_bytes)
                await run_sync(_store, file, chunk, digest, check_room)
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload ended before it was complete") from error
        except TimeoutError as error:
            raise HTTPException(408, f"nothing arrived for {_IDLE_SECONDS} s") from error
    if not received:
        raise HTTPException(400, "the upload is empty, expected a file")
    found, stated = digest.hexdigest(), request.headers.get(SHA256_HEADER)
    if stated is not None and stated.lower() != found:
        raise HTTPException(400, "the upload was damaged in transit: its SHA-256 differs")
    return found


def too_large(most_bytes: int) -> HTTPException:
    """Return the refusal of an upload that is too large."""
    return HTTPException(
        413, f"the upload is too large, expected at most {most_bytes / 2**30:.3g} GiB"
    )


@dataclass(frozen=True)
class ArchiveLimits:
    """What an uploaded archive may contain.

    Attributes:
        most_bytes: Most bytes that all files may take together.
        most_files: Most files.
        folders: Folders that files may be in, besides the archive itself.

    Example:
        >>> ArchiveLimits(1000).folders
        ()
    """

    most_bytes: int
    most_files: int = 100
    folders: tuple[str, ...] = ()


def unpack(
    archive: Path, folder: Path, limits: ArchiveLimits, check_room: Callable[[], None]
) -> None:
    """Unpack the files of one volume, such as those of its channels, and remove the archive.

    Args:
        archive: A zip archive.
        folder: Destination.
        limits: What the archive may contain.
        check_room: Raises NoRoomError if the disk is full; called before each write.

    Raises:
        InputError: If it is damaged, or contains anything else.
        HTTPException: If the files are too large.
        NoRoomError: If there is no room left for new uploads.
        OSError: If the disk is full.
    """
    try:
        _extract(archive, folder, limits, check_room)
    except (AmcnetError, HTTPException):
        raise
    except Exception as error:  # damaged archives raise errors of many kinds
        if is_full(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"archive: cannot be unpacked ({reason or type(error).__name__})"
        ) from error
    archive.unlink()


def _extract(
    archive: Path, folder: Path, limits: ArchiveLimits, check_room: Callable[[], None]
) -> None:
    if directory_bytes(archive) > limits.most_files * _MOST_ENTRY_BYTES:
        raise InputError(f"archive: lists too many files, expected at most {limits.most_files}")
    left = limits.most_bytes
    for name in limits.folders:
        (folder / name).mkdir(mode=0o700)
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        if len(members) > limits.most_files:
            raise InputError(
                f"archive: found {len(members)} files, expected at most {limits.most_files}"
            )
        for member in members:
            if member.is_dir() and member.filename.rstrip("/") in limits.folders:
                continue
            if member.compress_type not in _COMPRESSIONS:
                raise InputError("archive: found an unusual compression, expected deflate or none")
            path = folder / _member_name(member.filename, limits.folders)
            with packed.open(member) as source, path.open("xb") as target:
                while chunk := source.read(min(_BUFFER_BYTES, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise too_large(limits.most_bytes)
                    check_room()
                    target.write(chunk)


def _member_name(name: str, folders: tuple[str, ...]) -> str:
    folder, separator, plain = name.rpartition("/")
    if not is_plain_name(plain) or (separator and folder not in folders):
        allowed = f"files, alone or in {' or '.join(folders)}" if folders else "files"
        raise InputError(
            f"archive: found {name[:_MOST_NAME_BYTES]!r}, a folder or a name that leads outside "
            f"or that some systems forbid, expected {allowed}"
        )
    return name


def is_plain_name(name: str) -> bool:
    """Return whether a name is a plain file name that is not hidden."""
    return (
        name != ""
        and name.isprintable()
        and not set(name) & _SPECIAL
        and not name.startswith((".", " "))
        and len(name.encode()) <= _MOST_NAME_BYTES
    )


async def _buffered(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in chunks worth writing; give up if the sender stalls."""
    stream, buffer = request.stream(), bytearray()
    while True:
        with anyio.fail_after(_IDLE_SECONDS):
            chunk = await anext(stream, None)
        if chunk is None:
            break
        buffer += chunk
        if len(buffer) >= _BUFFER_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _store(
    file: BinaryIO, chunk: bytes, digest: "hashlib._Hash", check_room: Callable[[], None]
) -> None:
    check_room()
    file.write(chunk)
    digest.update(chunk)
