"""What must hold of a MetaImage file (.mha, .mhd) before SimpleITK may read it.

SimpleITK takes a missing spacing for 1 mm, a negative one for a mirrored axis, and damaged
compressed voxels for good ones; on truncated files and damaged headers it prints to the terminal by
itself.
"""

import math
import re
import zlib
from pathlib import Path
from typing import BinaryIO

from amcnet.errors import InputError
from amcnet.io.orientation_checks import are_usable

_CHUNK_BYTES = 1 << 20
_VALUE_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}
_POINTS = ("Offset", "Position", "Origin", "CenterOfRotation")
_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
_FLAGS = (
    "BinaryData",
    "BinaryDataByteOrderMSB",
    "ElementByteOrderMSB",
    "CompressedData",
)
_FREE_TEXT = ("Comment", "Name", "ElementDataFile")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def check_metaimage(path: Path) -> None:
    """Check header and length of a ``.mha`` or ``.mhd`` file and of its data file.

    Memory use does not depend on the file's size; compressed voxels are decompressed once.

    Raises:
        InputError: If it is no MetaImage file, its spacing is not usable, the data file is
            missing, or voxels are missing or damaged.
    """
    with path.open("rb") as stream:
        fields = _read_fields(path, stream)
        header_bytes = stream.tell()
    _check_fields(path, fields)
    _check_spacing(path, fields)
    expected_bytes = _voxel_bytes(path, fields)
    data_path, start = _find_data(path, fields, header_bytes)
    found_bytes = data_path.stat().st_size - start
    if _is_set(fields, "CompressedData"):
        stop = start + _compressed_bytes(path, fields, found_bytes)
        found_bytes = _count_decompressed(data_path, (start, stop), expected_bytes)
    if found_bytes < expected_bytes:
        raise InputError(
            f"{data_path}: the voxel data are truncated or damaged, "
            f"found {max(found_bytes, 0)} bytes of {expected_bytes}"
        )


def _read_fields(path: Path, stream: BinaryIO) -> dict[str, str]:
    """Read ``key = value`` lines up to ElementDataFile, the last line of every header."""
    fields: dict[str, str] = {}
    while "ElementDataFile" not in fields:
        key, equals, value = stream.readline(1 << 20).decode("latin-1").partition("=")
        if not equals:
            raise InputError(f"{path}: the content is not MetaImage, expected a .mha or .mhd image")
        name = key.strip()
        if name in fields:
            raise InputError(f"{path}: the header has {name} twice, expected it once")
        if not (value.isascii() or name in _FREE_TEXT):  # a space of another kind, for example
            raise InputError(f"{path}: {name} is {value.strip()!r}, expected plain letters")
        fields[name] = value.strip()
    return fields


def _check_fields(path: Path, fields: dict[str, str]) -> None:
    """Check what SimpleITK would complain of in lines of its own."""
    kind, dimensions = fields.get("ObjectType", "Image"), fields.get("NDims", "")
    if kind != "Image":
        raise InputError(f"{path}: ObjectType is '{kind}', expected Image")
    before = list(fields)[: list(fields).index("NDims") if "NDims" in fields else 0]
    if not re.fullmatch("[1-9]", dimensions) or {*_POINTS, *_MATRICES, "DimSize"} & {*before}:
        raise InputError(
            f"{path}: NDims is '{dimensions}' and stands after {len(before)} other fields, "
            "expected a number from 1 to 9 before all that depends on it"
        )
    count = int(dimensions)
    for names, length in ((_POINTS, count), (_MATRICES, count * count)):
        for name in names:
            if name in fields and not _are_numbers(fields[name], length):
                raise InputError(
                    f"{path}: {name} is '{fields[name]}', expected {length} finite numbers"
                )
            if name in _MATRICES and not are_usable(map(float, fields.get(name, "").split())):
                raise InputError(f"{path}: {name} is '{fields[name]}', expected cosines")
    for name in _FLAGS:
        if name in fields and fields[name].lower() not in (*_TRUE, *_FALSE):
            raise InputError(f"{path}: {name} is '{fields[name]}', expected True or False")
    if not _is_set(fields, "BinaryData", "True"):
        raise InputError(f"{path}: its voxels are written as text, expected BinaryData = True")


def _are_numbers(text: str, count: int) -> bool:
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        return False
    return len(values) == count and all(map(math.isfinite, values))


def _is_set(fields: dict[str, str], name: str, otherwise: str = "False") -> bool:
    return fields.get(name, otherwise).lower() in _TRUE


def _compressed_bytes(path: Path, fields: dict[str, str], found_bytes: int) -> int:
    """Return how many bytes SimpleITK will decompress."""
    text = fields.get("CompressedDataSize", "0")
    # In a file of their own they are read to its end, behind a header not well without their size.
    least = 1 if fields["ElementDataFile"].lower() == "local" else 0
    if not re.fullmatch("[0-9]{1,18}", text) or not least <= int(text) <= found_bytes:
        raise InputError(
            f"{path}: CompressedDataSize is '{text}', expected {least} to the {found_bytes} "
            "bytes that there are"
        )
    return int(text) or found_bytes


def _check_spacing(path: Path, fields: dict[str, str]) -> None:
    text = fields.get("ElementSpacing") or fields.get("ElementSize")
    if text is None:
        raise InputError(f"{path}: the header has no ElementSpacing, expected the voxel size in mm")
    try:
        spacing = [float(value) for value in text.split()]
    except ValueError:
        spacing = []
    usable = spacing and all(math.isfinite(value) and value > 0 for value in spacing)
    if not usable or len(spacing) != len(fields.get("DimSize", "").split()):
        raise InputError(
            f"{path}: spacing is ({text}), expected a positive finite number for each axis"
        )


def _voxel_bytes(path: Path, fields: dict[str, str]) -> int:
    kind = fields.get("ElementType", "")
    if kind.removesuffix("_ARRAY") not in _VALUE_BYTES:
        raise InputError(f"{path}: ElementType is '{kind}', expected one of MetaImage's numbers")
    return _voxels(path, fields) * _VALUE_BYTES[kind.removesuffix("_ARRAY")]


def _voxels(path: Path, fields: dict[str, str]) -> int:
    """Return the number of values of all channels."""
    words = [*fields.get("DimSize", "").split(), fields.get("ElementNumberOfChannels", "1")]
    if not all(re.fullmatch("0*[1-9][0-9]{0,9}", word) for word in words):
        raise InputError(
            f"{path}: DimSize is '{fields.get('DimSize', '')}' with {words[-1]} channels, "
            "expected positive sizes"
        )
    return math.prod(map(int, words))


def _find_data(path: Path, fields: dict[str, str], header_bytes: int) -> tuple[Path, int]:
    """Return the file that holds the voxels and where they start."""
    name = fields["ElementDataFile"]
    if name.lower() == "local":
        return path, header_bytes
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError(f"{path}: its voxels are in many files, expected one data file")
    data_path = path.parent / name
    if not data_path.is_file():
        raise InputError(f"{path}: its data file '{name}' was not found, expected it beside")
    header_size = fields.get("HeaderSize", "0")  # -1 says that the voxels end the file
    return data_path, int(header_size) if re.fullmatch("[0-9]{1,18}", header_size) else 0


def _count_decompressed(path: Path, part: tuple[int, int], expected_bytes: int) -> int:
    """Count the bytes that a part of a file decompresses to; 0 where it is not whole."""
    start, stop = part
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, as MetaIO reads both
    count = 0
    with path.open("rb") as stream:
        stream.seek(start)
        while not decompressor.eof and count <= expected_bytes:
            left = min(_CHUNK_BYTES, stop - stream.tell())
            chunk = decompressor.unconsumed_tail or stream.read(left)
            if not chunk:
                break
            try:
                count += len(decompressor.decompress(chunk, _CHUNK_BYTES))
            except zlib.error:
                return 0
    return count if decompressor.eof and count == expected_bytes else 0
