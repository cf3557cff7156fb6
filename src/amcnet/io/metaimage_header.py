"""What must hold of a MetaImage file (.mha, .mhd) before SimpleITK may read it.

SimpleITK takes a missing spacing for 1 mm, a negative one for a mirrored axis, and damaged
compressed voxels for good ones; on truncated files it prints to the terminal by itself.
"""

import math
import zlib
from pathlib import Path
from typing import BinaryIO

from amcnet.errors import InputError

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
    _check_spacing(path, fields)
    expected_bytes = _voxel_bytes(path, fields)
    data_path, start = _find_data(path, fields, header_bytes)
    if data_path is None or fields.get("BinaryData", "True").lower() != "true":
        return
    if fields.get("CompressedData", "False").lower() == "true":
        found_bytes = _count_decompressed(data_path, start, expected_bytes)
    else:
        found_bytes = data_path.stat().st_size - start
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
        fields[key.strip()] = value.strip()
    return fields


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
    try:
        sizes = [int(value) for value in fields["DimSize"].split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        value_bytes = _VALUE_BYTES[fields["ElementType"].removesuffix("_ARRAY")]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: the header has no usable DimSize and ElementType, expected a MetaImage"
        ) from error
    if min(sizes, default=0) < 1:
        raise InputError(f"{path}: DimSize is {sizes}, expected 3 positive sizes")
    return math.prod(sizes) * channels * value_bytes


def _find_data(path: Path, fields: dict[str, str], header_bytes: int) -> tuple[Path | None, int]:
    """Return the file that holds the voxels and where they start; no file for lists of files."""
    name = fields["ElementDataFile"]
    if name.lower() == "local":
        return path, header_bytes
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError(f"{path}: its voxels are in many files, expected one data file")
    data_path = path.parent / name
    if not data_path.is_file():
        raise InputError(f"{path}: its data file '{name}' was not found, expected it beside")
    header_size = fields.get("HeaderSize", "0")  # -1 says that the voxels end the file
    return data_path, int(header_size) if header_size.isdigit() else 0


def _count_decompressed(path: Path, start: int, expected_bytes: int) -> int:
    """Count the bytes that decompress well, up to what is expected."""
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip, as MetaIO reads both
    count = 0
    with path.open("rb") as stream:
        stream.seek(start)
        while not decompressor.eof and count <= expected_bytes:
            chunk = decompressor.unconsumed_tail or stream.read(_CHUNK_BYTES)
            if not chunk:
                break
            try:
                count += len(decompressor.decompress(chunk, _CHUNK_BYTES))
            except zlib.error:
                return 0
    return count
