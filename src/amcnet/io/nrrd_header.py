"""What must hold of an NRRD file (.nrrd, .nhdr) before SimpleITK may read it.

SimpleITK finds truncated voxels itself, but takes a missing or NaN spacing for 1 mm and a
negative one for a mirrored axis.
"""

import math
import re
from pathlib import Path

from amcnet.errors import InputError
from amcnet.io.orientation_checks import are_usable

# Bytes of a value -> names of its type that the format has.
_TYPES = {
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t", "ushort",
        "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t",
        "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int",
        "int64", "int64_t", "ulonglong", "unsigned long long", "unsigned long long int", "uint64",
        "uint64_t", "double"),
}  # fmt: skip
# What a byte of a file can become at most: zlib's own limit is 1032.
_MOST_RATIO = {"gzip": 1040.0, "gz": 1040.0, "bzip2": math.inf, "bz2": math.inf}
_MOST_RATIO |= dict.fromkeys(("ascii", "text", "txt"), 8.0)


def check_nrrd(path: Path) -> None:
    """Check the header of a ``.nrrd`` or ``.nhdr`` file, and that its data file exists.

    Raises:
        InputError: If it is no NRRD file, its spacing is not usable or absent, or the data file
            is missing.
    """
    fields = _read_fields(path)
    _check_spacing(path, fields)
    name = fields.get("data file", fields.get("datafile"))
    is_one_file = name is not None and not name.upper().startswith("LIST") and "%" not in name
    if name is not None and is_one_file and not (path.parent / name).is_file():
        raise InputError(f"{path}: its data file '{name}' was not found, expected it beside")
    if name is None or is_one_file:
        _check_length(path if name is None else path.parent / name, fields)


def _check_length(data_path: Path, fields: dict[str, str]) -> None:
    """Check, before any memory is taken, that a file can hold what its header says."""
    words = fields.get("sizes", "").split()
    kind, encoding = fields.get("type", "").lower(), fields.get("encoding", "").lower()
    if not words or not all(re.fullmatch("0*[1-9][0-9]{0,9}", word) for word in words):
        raise InputError(f"{data_path}: sizes are '{' '.join(words)}', expected positive numbers")
    value_bytes = next((size for size, names in _TYPES.items() if kind in names), 1)
    expected = math.prod(map(int, words)) * value_bytes
    found = data_path.stat().st_size
    if found * _MOST_RATIO.get(encoding, 1) < expected:
        raise InputError(
            f"{data_path}: the file is truncated, found {found} bytes, expected those of "
            f"{expected} bytes of voxels"
        )


def _read_fields(path: Path) -> dict[str, str]:
    """Read the ``field: value`` lines; the header ends at an empty line or with the file."""
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        if not stream.readline(64).startswith(b"NRRD"):
            raise InputError(f"{path}: the content is not NRRD, expected a .nrrd or .nhdr image")
        while line := stream.readline(1 << 20).decode("latin-1").strip():
            key, colon, value = line.partition(":")
            is_field = colon and not line.startswith("#") and not value.startswith("=")
            if is_field:
                fields[key.strip().lower()] = value.strip()
    return fields


def _check_spacing(path: Path, fields: dict[str, str]) -> None:
    text = fields.get("space directions", fields.get("spacings"))
    if text is None:
        raise InputError(f"{path}: the header has no voxel spacing, expected 'space directions'")
    try:
        dimension = int(fields.get("dimension", "0"))
        spacing = _axis_spacing(fields)
        words = re.findall(r"[^\s(),]+", text)
        numbers = [float(word) for word in words if word != "none"]
    except ValueError as error:
        raise InputError(
            f"{path}: spacing is '{text}', expected positive finite numbers"
        ) from error
    # A list or colour axis has no spacing ('none' or NaN); the three axes of space must have one.
    in_space = [value for value in spacing if not math.isnan(value)]
    if len(in_space) < min(dimension, 3) or not all(0 < value < math.inf for value in in_space):
        raise InputError(f"{path}: spacing is '{text}', expected positive finite numbers")
    if not are_usable(value for value in numbers if not math.isnan(value)):
        raise InputError(f"{path}: spacing is '{text}', expected lengths in mm")


def _axis_spacing(fields: dict[str, str]) -> list[float]:
    """Return the spacing of each axis, NaN for an axis that has none."""
    if "space directions" not in fields:
        return [float(value) for value in fields["spacings"].split()]
    vectors = re.findall(r"none|\([^)]*\)", fields["space directions"])
    return [
        math.nan
        if vector == "none"
        else math.hypot(*(float(value) for value in vector.strip("()").split(",")))
        for vector in vectors
    ]
