"""What must hold of a NIfTI file before SimpleITK may read it.

SimpleITK reads missing voxels and NaN or infinite ones as zeros, and replaces a spacing of zero
or NaN by 1 mm, without a word: all three are found here, in the bytes of the file.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from amcnet.errors import InputError
from amcnet.io.orientation_checks import are_usable

_CHUNK_BYTES = 1 << 20
_FLOAT_TYPES = {16: "f4", 64: "f8"}


_MAX_OFFSET = 1 << 40
# data type code -> bytes of a voxel; the header's own bitpix is not what SimpleITK goes by
_VOXEL_BYTES = {
    2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8,
    1536: 16, 1792: 16, 2048: 32, 2304: 4,
}  # fmt: skip


@dataclass(frozen=True)
class _Layout:
    """Where the fields of one NIfTI version are: a `struct` format and a byte offset each."""

    header_bytes: int
    magics: tuple[bytes, ...]
    magic_offset: int
    dim: tuple[str, int]
    datatype: tuple[str, int]
    pixdim: tuple[str, int]
    vox_offset: tuple[str, int]
    form_codes: tuple[str, int]
    qform: tuple[str, int]
    sform: tuple[str, int]


_VERSION_1 = _Layout(
    header_bytes=348,
    magics=(b"n+1\0",),
    magic_offset=344,
    dim=("8h", 40),
    datatype=("h", 70),
    pixdim=("8f", 76),
    vox_offset=("f", 108),
    form_codes=("2h", 252),
    qform=("6f", 256),
    sform=("12f", 280),
)
_VERSION_2 = _Layout(
    header_bytes=540,
    magics=(b"n+2\0",),
    magic_offset=4,
    dim=("8q", 16),
    datatype=("h", 12),
    pixdim=("8d", 104),
    vox_offset=("q", 168),
    form_codes=("2i", 344),
    qform=("6d", 352),
    sform=("12d", 400),
)


@dataclass(frozen=True)
class _Voxels:
    """Where the voxels are in the decompressed file; `float_type` is None for integers."""

    start: int
    stop: int
    float_type: str | None


def check_nifti(path: Path) -> None:
    """Check header and length of a ``.nii`` or ``.nii.gz`` file.

    Memory use does not depend on the file's size; a compressed file is decompressed once.

    Raises:
        InputError: If it is no NIfTI file, its spacing or orientation is not usable, or voxels
            are missing, NaN or infinite.
    """
    try:
        with _open(path) as stream:
            voxels = _check_header(path, stream.read(_VERSION_2.header_bytes))
            stream.seek(voxels.start)
            found_bytes, not_finite = _scan(stream, voxels)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: the compressed data end early or are damaged, expected a complete .nii.gz"
        ) from error
    expected_bytes = voxels.stop - voxels.start
    if found_bytes < expected_bytes:
        raise InputError(
            f"{path}: the file is truncated, found {found_bytes} bytes of voxels, "
            f"expected {expected_bytes}"
        )
    if not_finite:
        raise InputError(f"{path}: {not_finite} voxels are NaN or infinite, expected finite values")


def check_nifti_header(path: Path) -> None:
    """Check what :func:`check_nifti` checks of the header, without a look at the voxels.

    Raises:
        InputError: If it is no NIfTI file, or its spacing or orientation is not usable.
    """
    try:
        with _open(path) as stream:
            _check_header(path, stream.read(_VERSION_2.header_bytes))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: the compressed data end early or are damaged, expected a complete .nii.gz"
        ) from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    if compressed and path.name.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _scan(stream: BinaryIO, voxels: _Voxels) -> tuple[int, int]:
    """Read to the end; return the number of bytes, and of float voxels that are not finite."""
    count = not_finite = 0
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        left = max(voxels.stop - voxels.start - count, 0)
        count += len(chunk)
        if voxels.float_type is not None:
            data = rest + chunk[:left]
            whole = len(data) - len(data) % np.dtype(voxels.float_type).itemsize
            rest = data[whole:]
            values = np.frombuffer(data[:whole], dtype=voxels.float_type)
            not_finite += values.size - int(np.isfinite(values).sum())
    return count, not_finite


def _check_header(path: Path, header: bytes) -> _Voxels:
    """Check the fields that SimpleITK does not; return where the voxels must be."""
    layout, order = _find_layout(path, header)

    def field(place: tuple[str, int]) -> tuple[float, ...]:
        return struct.unpack_from(order + place[0], header, place[1])

    dims = [int(value) for value in field(layout.dim)]
    extents = dims[1 : dims[0] + 1]
    if not 1 <= dims[0] <= 7 or min(extents) < 1:
        raise InputError(f"{path}: NIfTI dimensions are {dims}, expected 3 positive sizes")
    spacing = field(layout.pixdim)[1 : min(dims[0], 3) + 1]
    # A negative pixdim would mirror the image, which NIfTI leaves to the orientation fields.
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        raise InputError(
            f"{path}: spacing is {_text(spacing)} mm, expected positive finite numbers"
        )
    qform_code, sform_code = field(layout.form_codes)
    for code, place in ((qform_code, layout.qform), (sform_code, layout.sform)):
        values = field(place)
        if code > 0 and not all(math.isfinite(value) for value in values):
            raise InputError(f"{path}: the NIfTI orientation has values that are not finite")
        # All but the position: the last three of one, every fourth of the other.
        axes = (
            values[:3] if place is layout.qform else [v for i, v in enumerate(values) if i % 4 < 3]
        )
        if code > 0 and not are_usable(axes):
            raise InputError(
                f"{path}: the NIfTI orientation is {_text(tuple(axes))}, expected axes in mm"
            )
    vox_offset = field(layout.vox_offset)[0]
    if not 0 <= vox_offset < _MAX_OFFSET:
        raise InputError(f"{path}: the NIfTI voxel offset is {vox_offset:g}, expected a position")
    start = max(int(vox_offset), layout.header_bytes)
    data_type = int(field(layout.datatype)[0])
    if data_type not in _VOXEL_BYTES:
        raise InputError(f"{path}: NIfTI data type {data_type} is not known, expected grey values")
    voxel_bytes = math.prod(extents) * _VOXEL_BYTES[data_type]
    float_type = _FLOAT_TYPES.get(data_type)
    return _Voxels(
        start=start,
        stop=start + voxel_bytes,
        float_type=None if float_type is None else order + float_type,
    )


def _find_layout(path: Path, header: bytes) -> tuple[_Layout, str]:
    for layout in (_VERSION_1, _VERSION_2):
        magic = header[layout.magic_offset : layout.magic_offset + 4]
        if len(header) >= layout.header_bytes and magic in layout.magics:
            for order in "<>":
                if struct.unpack_from(order + "i", header)[0] == layout.header_bytes:
                    return layout, order
    raise InputError(f"{path}: the content is not NIfTI, expected a .nii or .nii.gz image")


def _text(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
