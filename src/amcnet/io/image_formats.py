"""Write an array on a file's own grid as NRRD, MetaImage or NIfTI."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.io.geometry import Geometry
from amcnet.io.nifti_forms import NiftiForms, forms_of, ras_matrix
from amcnet.io.verified_files import verified_file
from amcnet.io.voxel_encoding import deflate, planes, storable, write_gzip

_NRRD_TYPES = {
    "i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32", "u4": "uint32",
    "i8": "int64", "u8": "uint64", "f4": "float", "f8": "double",
}  # fmt: skip
_META_TYPES = {
    "i1": "MET_CHAR", "u1": "MET_UCHAR", "i2": "MET_SHORT", "u2": "MET_USHORT", "i4": "MET_INT",
    "u4": "MET_UINT", "i8": "MET_LONG_LONG", "u8": "MET_ULONG_LONG", "f4": "MET_FLOAT",
    "f8": "MET_DOUBLE",
}  # fmt: skip
_NIFTI_MILLIMETRES = 2
_NIFTI_1_MOST = 32767  # maximum number of voxels along an axis
_SCANNER = 1  # NIfTI code of the scanner's own space


def write_nrrd(
    path: Path, stored: npt.NDArray[Any], geometry: Geometry, keys: Mapping[str, str] | None = None
) -> None:
    """Write an NRRD file with gzip encoding.

    Args:
        path: The file.
        stored: Voxels, (z, y, x).
        geometry: Grid of the voxels.
        keys: Key-value pairs of the header, written as UTF-8.
    """
    stored = storable(stored)
    axes = np.array(geometry.direction).reshape(3, 3).T * np.array(geometry.spacing_mm)[:, None]
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {_NRRD_TYPES[_code(stored)]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, geometry.size))}",
        f"space directions: {' '.join(map(_vector, axes))}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        'space units: "mm" "mm" "mm"',
        f"space origin: {_vector(geometry.origin_mm)}",
        *(f"{key}:={_escaped(value)}" for key, value in (keys or {}).items()),
    ]
    with verified_file(path) as file:
        file.write(("\n".join(lines) + "\n\n").encode("utf-8"))
        write_gzip(file, b"", stored)


def write_metaimage(path: Path, stored: npt.NDArray[Any], geometry: Geometry) -> None:
    """Write a ``.mha`` file, compressed.

    Args:
        path: The file.
        stored: Voxels, (z, y, x).
        geometry: Grid of the voxels.
    """
    stored = storable(stored)
    parts = deflate(stored)
    rows = np.array(geometry.direction).reshape(3, 3).T.ravel()
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {sum(map(len, parts))}",
        f"TransformMatrix = {_numbers(rows)}",
        f"Offset = {_numbers(geometry.origin_mm)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_numbers(geometry.spacing_mm)}",
        f"DimSize = {' '.join(map(str, geometry.size))}",
        f"ElementType = {_META_TYPES[_code(stored)]}",
        "ElementDataFile = LOCAL",
    ]
    with verified_file(path) as file:
        file.write(("\n".join(lines) + "\n").encode("ascii"))
        for part in parts:
            file.write(part)


def write_nifti(path: Path, stored: npt.NDArray[Any], geometry: Geometry, compressed: bool) -> None:
    """Write a NIfTI file with the qform and sform, and their codes, of its input.

    Args:
        path: The file.
        stored: Voxels, (z, y, x).
        geometry: Grid of the voxels; a grid from a NIfTI file includes its forms.
        compressed: Whether to compress it.
    """
    stored = storable(stored)
    forms = forms_of(geometry)
    if forms is None:
        matrix = ras_matrix(geometry)
        forms = NiftiForms(1, _SCANNER, _SCANNER, matrix, matrix)
    version = 2 if max(geometry.size) > _NIFTI_1_MOST else forms.version
    module: Any = import_module(f"nibabel.nifti{version}")
    header = getattr(module, f"Nifti{version}Header")(endianness="<")
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(geometry.size)
    header["pixdim"][1:4] = geometry.spacing_mm
    header["xyzt_units"] = _NIFTI_MILLIMETRES
    if forms.qform is not None:
        header.set_qform(forms.qform, forms.qform_code, strip_shears=True)
        header["pixdim"][1:4] = geometry.spacing_mm
    if forms.sform is not None:
        header.set_sform(forms.sform, forms.sform_code)
    header["scl_slope"], header["scl_inter"] = 1, 0
    head_bytes = header.single_vox_offset
    header["vox_offset"] = head_bytes
    head = header.binaryblock.ljust(head_bytes, b"\0")
    with verified_file(path) as file:
        if compressed:
            write_gzip(file, head, stored)
            return
        file.write(head)
        for plane in planes(stored):
            file.write(plane)


def _code(stored: npt.NDArray[Any]) -> str:
    return f"{stored.dtype.kind}{stored.dtype.itemsize}"


def _numbers(values: Any) -> str:  # noqa: ANN401  any sequence of numbers
    return " ".join(repr(float(value)) for value in values)


def _vector(values: Any) -> str:  # noqa: ANN401
    return f"({','.join(repr(float(value)) for value in values)})"


def _escaped(text: str) -> str:
    """Return a value as NRRD writes it, on one line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
