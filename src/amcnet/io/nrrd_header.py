"""What must hold of an NRRD file (.nrrd, .nhdr) before SimpleITK may read it.

SimpleITK finds truncated voxels itself, but takes a missing or NaN spacing for 1 mm and a
negative one for a mirrored axis.
"""

import math
import re
from pathlib import Path

from amcnet.errors import InputError


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
    except ValueError as error:
        raise InputError(
            f"{path}: spacing is '{text}', expected positive finite numbers"
        ) from error
    # A list or colour axis has no spacing ('none' or NaN); the three axes of space must have one.
    in_space = [value for value in spacing if not math.isnan(value)]
    if len(in_space) < min(dimension, 3) or not all(0 < value < math.inf for value in in_space):
        raise InputError(f"{path}: spacing is '{text}', expected positive finite numbers")


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
