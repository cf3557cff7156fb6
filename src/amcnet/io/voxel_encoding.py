"""Encode the voxels of an array as the bytes of a file: plane by plane, compressed or not."""

import gzip
import zlib
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from amcnet.errors import OutputError
from amcnet.io.verified_files import RecordedFile

COMPRESSION_LEVEL = 1  # higher levels cost time and gain little, for labels and for speckle alike

_TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def storable(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array, little-endian, in a dtype that every format supports.

    Raises:
        OutputError: If no format supports its dtype, for example complex numbers. The text has no
            path.
    """
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
    elif stored.dtype == np.float16:
        stored = stored.astype(np.float32)
    if f"{stored.dtype.kind}{stored.dtype.itemsize}" not in _TYPES:
        raise OutputError(f"voxels are {stored.dtype}, expected integers or floats")
    return stored.astype(stored.dtype.newbyteorder("<"), copy=False)


def planes(stored: npt.NDArray[Any]) -> Iterator[memoryview]:
    """Yield the bytes of an array (z, y, x), plane by plane."""
    for plane in stored:
        yield memoryview(cast(Any, np.ascontiguousarray(plane).view(np.uint8))).cast("B")


def write_gzip(file: RecordedFile, head: bytes, stored: npt.NDArray[Any]) -> None:
    """Write a header and the voxels as one gzip stream; equal voxels give equal bytes."""
    with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, fileobj=cast(Any, file), mtime=0) as stream:
        stream.write(head)
        for plane in planes(stored):
            stream.write(plane)


def deflate(stored: npt.NDArray[Any]) -> list[bytes]:
    """Return the voxels as the parts of a zlib stream."""
    compressor = zlib.compressobj(COMPRESSION_LEVEL)
    parts = [compressor.compress(plane) for plane in planes(stored)]
    return [*parts, compressor.flush()]
