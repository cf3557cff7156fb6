"""The header of an NRRD file (.nrrd, .nhdr), with all its spatial information.

Format: https://teem.sourceforge.net/nrrd/format.html
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.errors import InputError
from amcnet.io.header_lines import check_text, count_tracked_frames, header_lines
from amcnet.io.image_header import Encoding, ImageHeader, check_rank, sequence_error
from amcnet.io.nrrd_axes import axes_of, channels_of, may_be_colour
from amcnet.io.nrrd_data_files import find_nrrd_data_files
from amcnet.io.nrrd_space import grid_of

# NRRD allows every name without its space.
_ALIASES = {name.replace(" ", ""): name for name in (
    "axis mins", "axis maxs", "block size", "byte skip", "data file", "line skip",
    "measurement frame", "old max", "old min", "sample units", "space dimension",
    "space directions", "space origin", "space units",
)} | {"centers": "centerings"}  # fmt: skip
_FREE = ("content", "labels", "sample units")  # fields for people only
_INTEGERS = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int",
           "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
}  # fmt: skip
_TYPES = {name: code for code, names in _INTEGERS.items() for name in names}
_TYPES |= {"float": "f4", "double": "f8"}
_ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
_ENCODINGS |= {"bzip2": "bzip2", "bz2": "bzip2"}
_ENCODINGS |= dict.fromkeys(("ascii", "text", "txt"), "text")


def read_nrrd_header(path: Path, with_spacing: bool = True) -> ImageHeader:
    """Read the header of a ``.nrrd`` or ``.nhdr`` file.

    Args:
        path: The file.
        with_spacing: Whether the header must state a usable voxel size; otherwise 1 mm is assumed.

    Raises:
        InputError: If it is not an NRRD file, not a 3D volume, or its spatial information is
            unknown or contradictory.
    """
    fields, keys, listed, start = _read_fields(path)
    try:
        sizes = _sizes(fields)
        axes = axes_of(fields, sizes, with_spacing)
        frames = count_tracked_frames(keys)
        if frames > 1:
            raise sequence_error(frames)
        channels, channels_first = channels_of(axes)
        if len(axes.spatial) < min(3, len(sizes)) and "kinds" not in fields:
            text = fields.get("space directions", fields.get("spacings"))
            raise InputError(f"spacing is '{text}', expected positive finite numbers")
        size = check_rank([sizes[axis] for axis in axes.spatial])
        spacing_mm, origin_mm, direction = grid_of(fields, axes, with_spacing)
        value_type, encoding = _value_type(fields), _encoding(fields)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return ImageHeader(
        path=path,
        size=size,
        spacing_mm=spacing_mm,
        origin_mm=origin_mm,
        direction=direction,
        value_type=value_type,
        data_files=find_nrrd_data_files(path, fields, listed, start),
        encoding=encoding,
        channels=channels,
        channels_first=channels_first,
        may_be_colour=may_be_colour(axes),
        fields=keys,
    )


def _read_fields(path: Path) -> tuple[dict[str, str], dict[str, str], list[str], int]:
    """Return fields, key-value pairs, listed data files and the offset after the header."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    listed: list[str] = []
    with path.open("rb") as stream:
        if not re.fullmatch(rb"(\xef\xbb\xbf)?NRRD000[1-9]\s*", stream.readline(64)):
            raise InputError(f"{path}: the content is not NRRD, expected a .nrrd or .nhdr image")
        for line in header_lines(path, stream):
            if fields.get("data file", "").upper().startswith("LIST"):
                listed += [line.strip()] if line.strip() else []
            elif not line.strip():
                break
            elif not line.startswith("#"):
                _add_field(path, line, fields, keys)
        return fields, keys, listed, stream.tell()


def _add_field(path: Path, line: str, fields: dict[str, str], keys: dict[str, str]) -> None:
    name, colon, value = line.partition(":")
    if not colon:
        return
    if value.startswith("="):
        keys[name.strip()] = _unescaped(value[1:].strip())
        return
    name = " ".join(name.lower().split())
    name = _ALIASES.get(name, name)
    if name in fields:
        raise InputError(f"{path}: the header has the field '{name}' twice, expected it once")
    is_unchecked = name in ("data file", *_FREE)
    fields[name] = value.strip() if is_unchecked else check_text(path, name, value.strip())


def _unescaped(text: str) -> str:
    return re.sub(r"\\(n|\\)", lambda match: "\n" if match[1] == "n" else "\\", text)


def _sizes(fields: dict[str, str]) -> tuple[int, ...]:
    words = fields.get("sizes", "").split()
    dimension = fields.get("dimension", "")
    if not words or not all(re.fullmatch("0*[1-9][0-9]{0,9}", word) for word in words):
        raise InputError(f"sizes are '{' '.join(words)}', expected positive numbers")
    if dimension != str(len(words)):
        raise InputError(
            f"dimension is '{dimension}' with {len(words)} sizes, expected the same number"
        )
    return tuple(map(int, words))


def _value_type(fields: dict[str, str]) -> np.dtype[Any]:
    kind = " ".join(fields.get("type", "").lower().split())
    if kind not in _TYPES:
        raise InputError(f"type is '{kind}', expected a numeric type of NRRD")
    code, endian = _TYPES[kind], fields.get("endian", "").lower()
    if code[1] == "1" or _encoding(fields) == "text":
        return np.dtype(code)
    if endian not in ("little", "big"):
        raise InputError(f"endian is '{endian}', expected little or big for values of {kind}")
    return np.dtype(("<" if endian == "little" else ">") + code)


def _encoding(fields: dict[str, str]) -> Encoding:
    text = fields.get("encoding", "").lower()
    if text not in _ENCODINGS:
        raise InputError(f"encoding is '{text}', expected raw, gzip, bzip2 or ascii")
    return _ENCODINGS[text]
