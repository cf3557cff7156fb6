"""The header of an NRRD file (.nrrd, .nhdr), with everything it says about space.

Format: https://teem.sourceforge.net/nrrd/format.html
"""

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Triple
from amcnet.io.header_lines import check_text, count_tracked_frames, header_lines
from amcnet.io.image_header import (
    IDENTITY,
    Encoding,
    ImageHeader,
    check_rank,
    differ,
    sequence_error,
    text_of,
)
from amcnet.io.nrrd_data_files import find_data_files
from amcnet.io.space_units import millimetres_of

_log = logging.getLogger(__name__)

_ALIASES = {
    "datafile": "data file",
    "lineskip": "line skip",
    "byteskip": "byte skip",
    "centers": "centerings",
}
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
# Space -> signs that bring a position to LPS.
_LPS_SIGNS = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
# Spaces that say nothing about the patient are taken for LPS, as ITK does.
_UNRELATED_SPACES = ("scanner-xyz", "3d-right-handed")
_SPATIAL_KINDS = ("domain", "space")
_UNKNOWN_KINDS = ("???", "none")


@dataclass(frozen=True)
class _Axes:
    """The axes of the stored array.

    Attributes:
        sizes: Entries along each axis, fastest first.
        vectors: The step along each axis, NaN for an axis that is not spatial.
        kinds: The kind of each axis, lower case.
        spatial: Indices of the spatial axes.
    """

    sizes: tuple[int, ...]
    vectors: npt.NDArray[np.float64]
    kinds: tuple[str, ...]
    spatial: tuple[int, ...]


def read_nrrd_header(path: Path, with_spacing: bool = True) -> ImageHeader:
    """Read the header of a ``.nrrd`` or ``.nhdr`` file.

    Args:
        path: The file.
        with_spacing: Whether the header must state a usable voxel size; else 1 mm stands for it.

    Raises:
        InputError: If it is not an NRRD file, not a 3D volume, or says something about space
            that is unknown or contradictory.
    """
    fields, keys, listed, start = _read_fields(path)
    try:
        sizes = _sizes(fields)
        axes = _axes(fields, sizes, with_spacing)
        frames = count_tracked_frames(keys)
        if frames > 1:
            raise sequence_error(frames)
        channels, channels_first = _channels(axes)
        if len(axes.spatial) < min(3, len(sizes)) and "kinds" not in fields:
            text = fields.get("space directions", fields.get("spacings"))
            raise InputError(f"spacing is '{text}', expected positive finite numbers")
        size = check_rank([sizes[axis] for axis in axes.spatial])
        spacing_mm, origin_mm, direction = _grid(fields, axes, with_spacing)
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
        data_files=find_data_files(path, fields, listed, start),
        encoding=encoding,
        channels=channels,
        channels_first=channels_first,
        fields=keys,
    )


def _read_fields(path: Path) -> tuple[dict[str, str], dict[str, str], list[str], int]:
    """Return fields, key-value pairs, listed data files and the offset behind the header."""
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    listed: list[str] = []
    with path.open("rb") as stream:
        if not re.fullmatch(rb"NRRD000[1-9]\s*", stream.readline(64)):
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
    fields[name] = value.strip() if name == "data file" else check_text(path, name, value.strip())


def _unescaped(text: str) -> str:
    return re.sub(r"\\(n|\\)", lambda match: "\n" if match[1] == "n" else "\\", text)


def _sizes(fields: dict[str, str]) -> tuple[int, ...]:
    words = fields.get("sizes", "").split()
    dimension = fields.get("dimension", "")
    if not words or not all(re.fullmatch("0*[1-9][0-9]{0,9}", word) for word in words):
        raise InputError(f"sizes are '{' '.join(words)}', expected positive numbers")
    if dimension != str(len(words)):
        raise InputError(f"dimension is '{dimension}' with {len(words)} sizes, expected as many")
    return tuple(map(int, words))


def _value_type(fields: dict[str, str]) -> np.dtype[Any]:
    kind = " ".join(fields.get("type", "").lower().split())
    if kind not in _TYPES:
        raise InputError(f"type is '{kind}', expected a number type of NRRD")
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


def _axes(fields: dict[str, str], sizes: tuple[int, ...], with_spacing: bool) -> _Axes:
    vectors = _vectors(fields, len(sizes), with_spacing)
    kinds = tuple(_words(fields.get("kinds", " ".join(["???"] * len(sizes)))))
    if len(kinds) != len(sizes):
        raise InputError(f"kinds are '{fields['kinds']}', expected {len(sizes)}")
    kinds = tuple(kind.lower() for kind in kinds)
    spatial = tuple(
        axis
        for axis, kind in enumerate(kinds)
        if kind in _SPATIAL_KINDS or (kind in _UNKNOWN_KINDS and not np.isnan(vectors[axis]).any())
    )
    return _Axes(sizes, vectors, kinds, spatial)


def _vectors(fields: dict[str, str], rank: int, with_spacing: bool) -> npt.NDArray[np.float64]:
    """Return the step along each axis in the file's own space and units."""
    if "space directions" in fields:
        return _parse_vectors("space directions", fields["space directions"], rank)
    text = fields.get("spacings")
    if text is None:
        if with_spacing:
            raise InputError("the header has no voxel spacing, expected 'space directions'")
        return np.eye(rank)[:, : max(rank, 3)]
    try:
        spacings = [float(word) for word in text.split()]
    except ValueError:
        spacings = []
    # An axis without a spacing, of colours for example, has NaN.
    if not with_spacing and len(spacings) == rank == 3:
        spacings = [value if 0 < value < math.inf else 1.0 for value in spacings]
    bad = any(not (math.isnan(value) or 0 < value < math.inf) for value in spacings)
    if len(spacings) != rank or bad:
        raise InputError(f"spacing is '{text}', expected positive finite numbers")
    vectors, place = np.full((rank, max(rank, 3)), math.nan), 0
    for axis, spacing in enumerate(spacings):
        if not math.isnan(spacing):
            vectors[axis] = 0
            vectors[axis, place] = spacing
            place += 1
    return vectors


def _parse_vectors(name: str, text: str, count: int) -> npt.NDArray[np.float64]:
    entries = re.findall(r"none|\([^()]*\)", text)
    rest = re.sub(r"none|\([^()]*\)", "", text).strip()
    try:
        parsed = [
            None if entry == "none" else [float(word) for word in entry.strip("()").split(",")]
            for entry in entries
        ]
        lengths = {len(vector) for vector in parsed if vector is not None}
        if len(parsed) != count or rest or len(lengths) != 1 or max(lengths) < 2:
            raise ValueError
    except ValueError:
        raise InputError(f"{name} are '{text}', expected {count} vectors or 'none'") from None
    width = max(lengths.pop(), 3)
    vectors = np.full((count, width), math.nan)
    for row, vector in zip(vectors, parsed, strict=True):
        if vector is not None:
            row[:] = 0
            row[: len(vector)] = vector
    return vectors


def _channels(axes: _Axes) -> tuple[int, bool]:
    """Return the number of values per voxel, and whether they are stored next to each other."""
    others = [axis for axis, size in enumerate(axes.sizes) if axis not in axes.spatial and size > 1]
    kinds = [axes.kinds[axis] for axis in others]
    frames = next((a for a, k in zip(others, kinds, strict=True) if k in ("list", "time")), None)
    if frames is not None and len(axes.spatial) == 2:
        raise sequence_error(axes.sizes[frames])
    if frames is not None and (
        axes.kinds[frames] == "time" or frames > max(axes.spatial, default=0)
    ):
        raise sequence_error(axes.sizes[frames], "volumes")
    if "complex" in kinds:
        raise InputError("voxels are complex numbers, expected real ones")
    if not others:
        return 1, True
    if len(others) == 1 and others[0] < min(axes.spatial, default=0):
        return axes.sizes[others[0]], True
    if len(others) == 1 and others[0] > max(axes.spatial, default=0):
        return axes.sizes[others[0]], False
    kinds_text = " ".join(axes.kinds)
    raise InputError(f"kinds are '{kinds_text}', expected three axes of space and one of channels")


def _grid(
    fields: dict[str, str], axes: _Axes, with_spacing: bool
) -> tuple[Triple, Triple, tuple[float, ...]]:
    """Return spacing, origin and direction of the first three spatial axes, LPS, in mm."""
    vectors = axes.vectors[list(axes.spatial[:3])][:, :3]
    has_directions = "space directions" in fields
    signs = _signs(fields) if has_directions or "space" in fields else np.ones(3)
    to_mm = _to_millimetres(fields, axes)
    vectors = vectors * to_mm * (signs if has_directions else 1)
    with np.errstate(all="ignore"):
        spacing = np.sqrt((vectors**2).sum(axis=1))
    if not all(0 < value < math.inf for value in spacing):
        if with_spacing:
            text = fields.get("space directions", fields.get("spacings"))
            raise InputError(f"spacing is '{text}', expected positive finite numbers")
        spacing = np.where((spacing > 0) & np.isfinite(spacing), spacing, 1.0)
        vectors = np.eye(3) if not np.isfinite(vectors).all() or not vectors.any() else vectors
    _check_both(fields, axes, spacing, to_mm)
    origin = _origin(fields) * signs * to_mm
    direction = (vectors / spacing[:, None]).T if has_directions else np.array(IDENTITY)
    x, y, z = (float(value) for value in spacing)
    return (x, y, z), tuple(map(float, origin)), tuple(map(float, direction.ravel()))  # type: ignore[return-value]


def _signs(fields: dict[str, str]) -> npt.NDArray[np.float64]:
    space = fields.get("space", "").lower().removesuffix("-time")
    if space in _UNRELATED_SPACES:
        _log.warning("space is '%s', which is not a patient's: taken for LPS", fields["space"])
    if "space" not in fields or space in _UNRELATED_SPACES:
        return np.ones(3)
    if space not in _LPS_SIGNS:
        raise InputError(
            f"space is '{fields['space']}', expected left-posterior-superior, "
            "right-anterior-superior or left-anterior-superior"
        )
    return np.array(_LPS_SIGNS[space], np.float64)


def _to_millimetres(fields: dict[str, str], axes: _Axes) -> npt.NDArray[np.float64]:
    """Return the factor of each dimension of space that makes millimetres of its unit."""
    if "space units" in fields and "space directions" in fields:
        name, units = "space units", _words(fields["space units"])[:3]
    elif "units" in fields and "space directions" not in fields:
        words = _words(fields["units"])
        if len(words) != len(axes.sizes):
            raise InputError(f"units are '{fields['units']}', expected {len(axes.sizes)}")
        name, units = "units", [words[axis] for axis in axes.spatial[:3]]
    else:
        return np.ones(3)
    factors = [millimetres_of(unit) for unit in units]
    if len(factors) < min(3, len(axes.spatial)) or None in factors:
        raise InputError(f'{name} are {fields[name]}, expected units of length such as "mm"')
    return np.array([factor or 1.0 for factor in (*factors, 1.0, 1.0)][:3])


def _check_both(
    fields: dict[str, str],
    axes: _Axes,
    spacing: npt.NDArray[np.float64],
    to_mm: npt.NDArray[np.float64],
) -> None:
    """Check that spacings, where a header has them beside directions, say the same."""
    if not {"spacings", "space directions"} <= set(fields):
        return
    without = {name: text for name, text in fields.items() if name != "space directions"}
    vectors = _vectors(without, len(axes.sizes), with_spacing=True)[list(axes.spatial[:3])]
    stated = np.nansum(vectors, axis=1) * to_mm
    if differ(stated, spacing):
        raise InputError(
            f"spacings are {text_of(stated)} mm but space directions are {text_of(spacing)} mm "
            "long, expected the same"
        )


def _origin(fields: dict[str, str]) -> npt.NDArray[np.float64]:
    text = fields.get("space origin")
    if text is None:
        return np.zeros(3)
    return _parse_vectors("space origin", text, 1)[0][:3]


def _words(text: str) -> list[str]:
    """Split a text at spaces; words in quotation marks may hold spaces."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]
