"""Zarr groups of plain arrays with a checksum for every file.

Zarr metadata name the codecs of an array, and some codecs run code (``pickle`` in Zarr format 2).
Before Zarr reads metadata, they are therefore compared with those that this module writes, and Zarr
reads through a store that verifies the checksum of every file.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from math import ceil, prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from amcnet.errors import InputError, one_line
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_small_file
from amcnet.io.verified_files import write_verified

CHECKSUM_FILE = "checksums.json"

_METADATA_FILE = "zarr.json"
_LARGEST_METADATA_BYTES = 2**16
_LARGEST_CHUNK_BYTES = 2**31 - 1  # values that Blosc accepts
_MOST_BLOSC_OVERHEAD_BYTES = 2**16
_LARGEST_FILE_BYTES = _LARGEST_CHUNK_BYTES + _MOST_BLOSC_OVERHEAD_BYTES
_MOST_VOXELS = 2**32
_BLOSC_SIZE = slice(4, 8)  # of a chunk's header: number of bytes after decompression
_BLOSC_STORED = slice(12, 16)  # number of bytes of the whole chunk


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Checksums(_Strict):
    """``checksums.json``: size and SHA-256 of every other file of a group.

    Attributes:
        origin: Text that changes with everything that determines the arrays.
        files: File name, relative to the group, with ``/`` -> BLAKE2b of 16 bytes, hexadecimal.
    """

    origin: str
    files: dict[str, str]


@dataclass(frozen=True)
class ArrayToWrite:
    """One array of a group.

    Attributes:
        data: The array: float16, uint8 or int32.
        chunks: Shape of a chunk.
        compressor: ``lz4`` is fast, ``zstd`` is small.
    """

    data: NDArray[Any]
    chunks: tuple[int, ...]
    compressor: Literal["lz4", "zstd"] = "zstd"


def write_group(folder: Path, arrays: Mapping[str, ArrayToWrite], origin: str) -> None:
    """Write a Zarr group (format 3, Blosc) and its checksums into an empty folder."""
    import zarr
    from zarr.codecs import BloscCodec

    group = zarr.open_group(folder, mode="w", zarr_format=3)
    for name, array in arrays.items():
        group.create_array(
            name,
            data=array.data,
            chunks=array.chunks,
            compressors=BloscCodec(cname=array.compressor, clevel=1),
            config={"write_empty_chunks": True},  # so that a missing chunk is always an error
        )
    files = {
        path.relative_to(folder).as_posix(): digest_of(_complete(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    checksums = Checksums(origin=origin, files=files)
    write_verified(folder / CHECKSUM_FILE, checksums.model_dump_json(indent=1))


def _complete(path: Path) -> bytes:
    """Return the content of a file that was just written.

    Raises:
        OSError: If it was not stored completely.
    """
    content = path.read_bytes()
    if path.name == _METADATA_FILE:
        complete = content.endswith(b"}")
    else:
        complete = int.from_bytes(content[_BLOSC_STORED], "little") == len(content)
    if not complete:
        raise OSError(errno.EIO, f"a part of {path.name} was not stored, is the disk full?")
    return content


def read_checksums(folder: Path) -> Checksums:
    """Read the checksums of a group.

    Raises:
        InputError: If they are missing or damaged.
    """
    try:
        content = read_small_file(folder / CHECKSUM_FILE, "the checksums of a prepared case")
        return Checksums.model_validate_json(content)
    except (InputError, ValidationError) as error:
        raise InputError(
            f"{folder}: has no readable {CHECKSUM_FILE}, expected a case written by amcnet prepare"
        ) from error


def is_intact(folder: Path, checksums: Checksums) -> bool:
    """Return whether every file of a group exists and is unchanged."""
    try:
        for name in checksums.files:
            _read_file(folder, name, checksums.files)
    except InputError:
        return False
    return True


def open_group(folder: Path, checksums: Checksums, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the Zarr arrays of a group; every file is verified before it is read.

    Args:
        folder: The group.
        checksums: Its checksums.
        names: Names of the required arrays.

    Raises:
        InputError: If a file is missing or damaged, or the group was not written by
            :func:`write_group`. Reading from the arrays raises the same.
    """
    import zarr

    chunk_bytes = {}
    for name in names:
        metadata = _read_metadata(folder, f"{name}/{_METADATA_FILE}", checksums.files)
        chunk_bytes[name] = metadata.chunk_bytes
        _check_chunks(folder, name, metadata, checksums.files)
    _read_file(folder, _METADATA_FILE, checksums.files)
    store = _checked_store_class()(folder, checksums.files, chunk_bytes)
    return {name: zarr.open_array(store, path=name, mode="r", zarr_format=3) for name in names}


def digest_of(content: bytes | memoryview) -> str:
    """Return the checksum of a file's content."""
    return blake2b(content, digest_size=16).hexdigest()


class _RegularGrid(_Strict):
    class _Shape(_Strict):
        chunk_shape: tuple[PositiveInt, ...]

    name: Literal["regular"]
    configuration: _Shape


class _Keys(_Strict):
    class _Separator(_Strict):
        separator: Literal["/"]

    name: Literal["default"]
    configuration: _Separator


class _BytesCodec(_Strict):
    class _Endian(_Strict):
        endian: Literal["little"]

    name: Literal["bytes"]
    configuration: _Endian | None = None


class _BloscCodec(_Strict):
    class _Settings(_Strict):
        typesize: Literal[1, 2, 4]
        cname: Literal["lz4", "zstd"]
        clevel: Literal[1]
        shuffle: Literal["shuffle", "bitshuffle"]
        blocksize: Literal[0]

    name: Literal["blosc"]
    configuration: _Settings


class _ArrayMetadata(_Strict):
    """The only metadata that :func:`write_group` writes."""

    zarr_format: Literal[3]
    node_type: Literal["array"]
    shape: tuple[PositiveInt, ...] = Field(min_length=1, max_length=4)
    data_type: Literal["float16", "uint8", "int32"]
    chunk_grid: _RegularGrid
    chunk_key_encoding: _Keys
    fill_value: Literal[0]
    codecs: tuple[_BytesCodec, _BloscCodec]
    attributes: dict[str, None] = Field(default={}, max_length=0)
    storage_transformers: tuple[None, ...] = Field(default=(), max_length=0)

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.chunk_grid.configuration.chunk_shape

    @property
    def chunk_bytes(self) -> int:
        return prod(self.chunks) * np.dtype(self.data_type).itemsize


def _read_metadata(folder: Path, name: str, files: Mapping[str, str]) -> _ArrayMetadata:
    content = _read_file(folder, name, files, _LARGEST_METADATA_BYTES)
    try:
        metadata = _ArrayMetadata.model_validate_json(content)
        if len(metadata.chunks) != len(metadata.shape):
            raise ValueError("chunks and array have different numbers of axes")
        if metadata.chunk_bytes > _LARGEST_CHUNK_BYTES or prod(metadata.shape) > _MOST_VOXELS:
            raise ValueError(f"an array of {metadata.shape} is too large")
    except ValueError as error:  # pydantic raises a subclass of it
        reason = _first_reason(error)
        raise InputError(
            f"{folder / name}: is not what amcnet prepare writes (Zarr format 3, codecs bytes and "
            f"blosc): {reason}"
        ) from error
    return metadata


def _first_reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return one_line(f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}")
    return str(error)


def _check_chunks(
    folder: Path, name: str, metadata: _ArrayMetadata, files: Mapping[str, str]
) -> None:
    expected = prod(
        ceil(size / chunk) for size, chunk in zip(metadata.shape, metadata.chunks, strict=True)
    )
    found = sum(file.startswith(f"{name}/c/") for file in files)
    if found != expected:
        raise InputError(
            f"{folder}: {CHECKSUM_FILE} lists {found} chunks of '{name}', expected {expected}"
        )


def _read_file(
    folder: Path, name: str, files: Mapping[str, str], most_bytes: int = _LARGEST_FILE_BYTES
) -> bytes:
    """Return the content of a file of a group after verifying its size and checksum."""
    path = folder / name
    if any(part.is_symlink() for part in (path, *path.parents) if folder in part.parents):
        raise InputError(f"{path}: is a link or inside one, expected a file of the prepared case")
    try:
        content = None
        if path.exists():
            check_regular_file(path, "a file of the prepared case")
            with path.open("rb") as stream:
                content = stream.read(most_bytes + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be read ({reason}), prepare the data again") from error
    if content is not None and len(content) > most_bytes:
        raise InputError(f"{path}: has more than {most_bytes} bytes, prepare the data again")
    return _compared(path, name, content, files)


def _compared(path: Path, name: str, content: bytes | None, files: Mapping[str, str]) -> bytes:
    if name not in files:
        raise InputError(f"{path}: is not listed in {CHECKSUM_FILE}, prepare the data again")
    if content is None:
        raise InputError(f"{path}: is missing from the prepared case, prepare the data again")
    if digest_of(content) != files[name]:
        raise InputError(f"{path}: is damaged: its checksum does not match, prepare the data again")
    return content


@cache
def _checked_store_class() -> type[Any]:
    """Return the store, created on first use because importing Zarr takes half a second."""
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
    from zarr.storage import LocalStore

    class CheckedStore(LocalStore):
        """A store of a folder that reads only listed files and verifies their checksums."""

        def __init__(
            self, root: Path, files: Mapping[str, str], chunk_bytes: Mapping[str, int]
        ) -> None:
            super().__init__(root, read_only=True)
            self._folder = root
            self._files = files
            self._chunk_bytes = chunk_bytes

        async def get(
            self,
            key: str,
            prototype: BufferPrototype | None = None,
            byte_range: ByteRequest | None = None,
        ) -> Buffer | None:
            if byte_range is not None:
                raise InputError(
                    f"{self._folder / key}: part of a file was requested, expected the whole"
                )
            array, is_chunk, _ = key.partition("/c/")
            most = _LARGEST_METADATA_BYTES
            if is_chunk:
                most = self._chunk_bytes[array] + _MOST_BLOSC_OVERHEAD_BYTES
            content = _read_file(self._folder, key, self._files, most)
            if is_chunk:
                found = int.from_bytes(content[_BLOSC_SIZE], "little")
                if found != self._chunk_bytes[array]:
                    raise InputError(
                        f"{self._folder / key}: holds {found} bytes, expected "
                        f"{self._chunk_bytes[array]}"
                    )
            return (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    return CheckedStore
