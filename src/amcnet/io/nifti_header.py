"""The header of a NIfTI file (.nii, .nii.gz), version 1 or 2, with all its spatial information.

Format: https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields. The fields are parsed by
nibabel; the choice between the two orientations is made here.
"""

import gzip
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Triple, check_right_angles
from amcnet.io.image_header import (
    IDENTITY,
    DataFile,
    Encoding,
    ImageHeader,
    check_rank,
    differ,
    text_of,
)
from amcnet.io.nifti_forms import NiftiForms

_HEADER_BYTES = {1: 348, 2: 540}
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}  # unknown, metre, millimetre, micrometre
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8",
    1280: "u8",
}  # fmt: skip
_COLOURS = {128: 3, 2304: 4}
_COMPLEX = (32, 1792, 2048)
_TEMPLATE_CODES = (
    3,
    4,
    5,
)  # Talairach, MNI 152 and other templates: not the size of the scanned body
_MAX_OFFSET = 1 << 40
_SAME_POSITION = 0.1  # voxels
_SAME_DIRECTION = 0.01
_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class _NiftiGrid:
    """Position and orientation of the voxels: LPS, in mm."""

    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]


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
            version, fields = _parse(path, stream.read(_HEADER_BYTES[2]))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: the compressed data are truncated or damaged, expected a complete .nii.gz"
        ) from error
    try:
        return _header_of(path, version, fields, encoding, with_spacing)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _encoding(path: Path) -> Encoding:
    """Return the compression of a file; an uncompressed file may be named .nii.gz."""
    with path.open("rb") as stream:
        is_compressed = stream.read(2) == b"\x1f\x8b"
    return "gzip" if is_compressed and path.name.lower().endswith(".gz") else "raw"


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
    forms = _forms(version, fields, unit_mm, with_spacing)
    grid = _choose(forms, pixdim, size, with_spacing)
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


def _forms(version: int, fields: Any, unit_mm: float, with_spacing: bool) -> NiftiForms:  # noqa: ANN401
    """Return both orientations of a header, in mm."""
    qform_code, sform_code = int(fields["qform_code"]), int(fields["sform_code"])
    for name, code in (("qform_code", qform_code), ("sform_code", sform_code)):
        if not 0 <= code <= 5:
            raise InputError(f"{name} is {code}, expected 0 to 5")
    scale = np.diag([unit_mm] * 3 + [1.0])
    qform = _qform(fields, with_spacing) if qform_code else None
    sform = np.array(fields.get_sform(), np.float64) if sform_code else None
    for matrix in (qform, sform):
        if matrix is not None and not np.isfinite(matrix).all():
            raise InputError("the NIfTI orientation has values that are not finite")
    return NiftiForms(
        version=version,
        qform_code=qform_code,
        sform_code=sform_code,
        qform=None if qform is None else scale @ qform,
        sform=None if sform is None else scale @ sform,
    )


def _qform(fields: Any, with_spacing: bool) -> npt.NDArray[np.float64]:  # noqa: ANN401
    pixdim = np.array(fields["pixdim"], np.float64)
    if pixdim[0] not in (1.0, -1.0):
        fields["pixdim"][0] = -1.0 if pixdim[0] < 0 else 1.0  # NIfTI: 0 means 1
    if not with_spacing:
        usable = np.isfinite(pixdim[1:4]) & (pixdim[1:4] > 0)
        fields["pixdim"][1:4] = np.where(usable, pixdim[1:4], 1.0)
    try:
        return np.array(fields.get_qform(), np.float64)
    except ValueError:
        quaternion = [float(fields[name]) for name in ("quatern_b", "quatern_c", "quatern_d")]
        raise InputError(
            f"the quaternion of the qform is ({text_of(quaternion, ', ')}), expected a rotation"
        ) from None


def _choose(
    forms: NiftiForms, pixdim: Sequence[float], size: Sequence[int], with_spacing: bool
) -> _NiftiGrid:
    """Return the grid that a header describes, after checking that it is consistent."""
    qform, sform = forms.qform, forms.sform
    x, y, z = (value if math.isfinite(value) and value > 0 else 1.0 for value in pixdim)
    spacing_mm = (x, y, z)
    if sform is not None and qform is not None and forms.sform_code in _TEMPLATE_CODES:
        sform = None
    if sform is not None:
        lengths = np.sqrt((sform[:3, :3] ** 2).sum(axis=0))
        if not (lengths > 0).all():
            raise InputError("the sform has an axis of length zero, expected three axes")
        check_right_angles(sform[:3, :3] / lengths)
        if with_spacing and differ(lengths, spacing_mm):
            raise InputError(
                f"pixdim says {text_of(spacing_mm)} mm but the sform {text_of(lengths)} mm, "
                "expected the same voxel size"
            )
        if qform is not None and forms.qform_code == forms.sform_code and with_spacing:
            _check_same(qform, sform, size)
        return _grid_of(sform, lengths, spacing_mm)
    if qform is not None:
        return _grid_of(qform, np.sqrt((qform[:3, :3] ** 2).sum(axis=0)), spacing_mm)
    return _NiftiGrid(spacing_mm, (0.0, 0.0, 0.0), IDENTITY)


def _check_same(
    qform: npt.NDArray[np.float64], sform: npt.NDArray[np.float64], size: Sequence[int]
) -> None:
    """Check that two orientations for the same space agree on the position of every voxel."""
    lengths = np.sqrt((sform[:3, :3] ** 2).sum(axis=0))
    q_axes, s_axes = (form[:3, :3] / lengths for form in (qform, sform))
    if np.abs(q_axes - s_axes).max() > _SAME_DIRECTION:
        raise InputError(
            f"the qform has the axes ({text_of(q_axes.ravel(), ', ')}) but the sform "
            f"({text_of(s_axes.ravel(), ', ')}) for the same space, expected the same"
        )
    apart = max(
        float(np.abs((qform - sform) @ [*corner, 1.0]).max())
        for corner in ((0, 0, 0), tuple(extent - 1 for extent in size))
    )
    if apart > max(_SAME_POSITION * lengths.min(), _SAME_DIRECTION * max(size) * lengths.min()):
        raise InputError(
            f"the qform has the origin ({text_of(qform[:3, 3], ', ')}) but the sform "
            f"({text_of(sform[:3, 3], ', ')}) mm for the same space, expected the same"
        )


def _grid_of(
    matrix: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], spacing_mm: Triple
) -> _NiftiGrid:
    direction = _LPS @ (matrix[:3, :3] / lengths)
    x, y, z = (float(value) for value in _LPS @ matrix[:3, 3])
    return _NiftiGrid(spacing_mm, (x, y, z), tuple(float(value) for value in direction.ravel()))
