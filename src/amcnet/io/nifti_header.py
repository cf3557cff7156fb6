"""The header of a NIfTI file (.nii, .nii.gz), version 1 or 2, with all its spatial information.

Format: https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields. The fields are parsed by
nibabel.
"""

import gzip
import io
import math
import zlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from amcnet.errors import InputError
from amcnet.io.image_header import DataFile, Encoding, ImageHeader, check_rank, text_of
from amcnet.io.nifti_orientation import choose_grid, read_forms

_HEADER_BYTES = {1: 348, 2: 540}
_EXTENSION_BYTES = 12  # a flag of four bytes, then size and code of the first header extension
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}  # unknown, metre, millimetre, micrometre
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8",
    1280: "u8",
}  # fmt: skip
_COLOURS = {128: 3, 2304: 4}
_COMPLEX = (32, 1792, 2048)
_MAX_OFFSET = 1 << 40


def read_nifti_header(path: Path, with_spacing: bool = True) -> ImageHeader:
    """Read the header of a ``.nii`` or ``.nii.gz`` file, version 1 or 2.

    The sform is used unless it is missing or refers to a template; then the qform is used. If
    neither is set, the axes are used as stored.

    Args:
        path: The file.
        with_spacing: Whether the header must state a usable voxel size; otherwise 1 mm is assumed.

    Raises:
        InputError: If it is not a NIfTI file, not a 3D volume, or its spatial information is
            unknown or contradictory.
    """
    encoding = _encoding(path)
    try:
        with _open(path, encoding) as stream:
            content = stream.read(_HEADER_BYTES[2] + _EXTENSION_BYTES)
        version, fields = _parse(path, content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: the compressed data are truncated or damaged, expected a complete .nii.gz"
        ) from error
    try:
        _check_extension(content, version, fields)
        return _header_of(path, version, fields, encoding, with_spacing)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _encoding(path: Path) -> Encoding:
    """Return the compression of a file by its content, whether it is named .nii or .nii.gz."""
    with path.open("rb") as stream:
        return "gzip" if stream.read(2) == b"\x1f\x8b" else "raw"


def _open(path: Path, encoding: Encoding) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if encoding == "gzip" else path.open("rb")


def _parse(path: Path, content: bytes) -> tuple[int, Any]:
    """Return the version and nibabel's header."""
    nifti1: Any = import_module("nibabel.nifti1")
    nifti2: Any = import_module("nibabel.nifti2")
    kinds = ((1, nifti1.Nifti1Header, 344, b"n+1\0"), (2, nifti2.Nifti2Header, 4, b"n+2\0"))
    for version, kind, place, magic in kinds:
        length = _HEADER_BYTES[version]
        if len(content) >= length and content[place : place + 4] == magic:
            header = kind.from_fileobj(io.BytesIO(content[:length]), check=False)
            if int(header["sizeof_hdr"]) == length:
                return version, header
    raise InputError(f"{path}: the content is not NIfTI, expected a .nii or .nii.gz image")


def _header_of(
    path: Path,
    version: int,
    fields: Any,  # noqa: ANN401
    encoding: Encoding,
    with_spacing: bool,
) -> ImageHeader:
    sizes, vector = _sizes(fields)
    value_type, colours = _value_type(fields)
    size = check_rank(sizes)
    unit_mm = _unit_mm(fields)
    pixdim = tuple(float(value) * unit_mm for value in fields["pixdim"][1:4])
    if with_spacing:
        _check_spacing(pixdim)
    forms = read_forms(version, fields, unit_mm, with_spacing)
    grid = choose_grid(forms, pixdim, size, with_spacing)
    start = _start(version, fields)
    data = DataFile(path, start) if encoding == "raw" else DataFile(path, 0, skipped_bytes=start)
    return ImageHeader(
        path=path,
        size=size,
        spacing_mm=grid.spacing_mm,
        origin_mm=grid.origin_mm,
        direction=grid.direction,
        value_type=value_type,
        data_files=(data,),
        encoding=encoding,
        channels=colours * vector,
        channels_first=vector == 1,
        scaling=_scaling(fields),
        nifti_forms=forms,
    )


def _start(version: int, fields: Any) -> int:  # noqa: ANN401
    """Return the offset of the voxels, after the header and four bytes about extensions."""
    offset, least = float(fields["vox_offset"]), _HEADER_BYTES[version] + 4
    if offset == 0:  # some writers set it to 0
        return least
    if not least <= offset < _MAX_OFFSET:
        raise InputError(f"the NIfTI voxel offset is {offset:g}, expected {least} or more")
    return int(offset)


def _check_extension(content: bytes, version: int, fields: Any) -> None:  # noqa: ANN401
    """Check that the voxel offset leaves room for a header extension, if there is one."""
    start = _HEADER_BYTES[version]
    if len(content) < start + _EXTENSION_BYTES or not content[start]:
        return
    order: Literal["little", "big"] = "little" if fields.endianness == "<" else "big"
    size = int.from_bytes(content[start + 4 : start + 8], order)
    is_extension = size >= 16 and size % 16 == 0
    if is_extension and _start(version, fields) < start + 4 + size:
        raise InputError(
            f"a header extension of {size} bytes follows the header but the NIfTI voxel offset is "
            f"{float(fields['vox_offset']):g}, expected {start + 4 + size} or more"
        )


def _sizes(fields: Any) -> tuple[list[int], int]:  # noqa: ANN401
    """Return the sizes of the axes, and the number of values per voxel (the fifth axis)."""
    dims = [int(value) for value in fields["dim"]]
    rank = dims[0]
    if not 1 <= rank <= 7 or min(dims[1 : rank + 1]) < 1:
        raise InputError(f"NIfTI dimensions are {dims}, expected 3 positive sizes")
    sizes = dims[1 : rank + 1]
    if rank >= 5 and sizes[3] == 1:
        return [*sizes[:3], *sizes[5:]], sizes[4]
    return sizes, 1


def _value_type(fields: Any) -> tuple[np.dtype[Any], int]:  # noqa: ANN401
    """Return the dtype of the stored values, and the colours of a voxel."""
    code, order = int(fields["datatype"]), str(fields.endianness)
    if code in _COMPLEX:
        raise InputError("voxels are complex numbers, expected real ones")
    if code in _COLOURS:
        return np.dtype("u1"), _COLOURS[code]
    if code not in _TYPES:
        raise InputError(f"NIfTI data type {code} is not supported, expected integers or floats")
    return np.dtype(order + _TYPES[code]), 1


def _scaling(fields: Any) -> tuple[float, float]:  # noqa: ANN401
    """Return slope and intercept; a slope of zero means no scaling."""
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return (1.0, 0.0)
    if not math.isfinite(slope) or math.isinf(intercept):
        raise InputError(
            f"slope and intercept are {slope:g} and {intercept:g}, expected finite numbers"
        )
    return (slope, 0.0 if math.isnan(intercept) else intercept)


def _unit_mm(fields: Any) -> float:  # noqa: ANN401
    code = int(fields["xyzt_units"]) & 0x07
    if code not in _UNITS_MM:
        raise InputError(f"xyzt_units has the unit code {code}, expected 1, 2 or 3 (m, mm, um)")
    return _UNITS_MM[code]


def _check_spacing(pixdim: Sequence[float]) -> None:
    # A negative pixdim would mirror the image, which is up to NIfTI's orientation fields.
    if not all(math.isfinite(value) and value > 0 for value in pixdim):
        raise InputError(
            f"spacing is ({text_of(pixdim, ', ')}) mm, expected positive finite numbers"
        )
