"""The header of a MetaImage file (.mha, .mhd), with all its spatial information.

Format: https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from amcnet.errors import InputError
from amcnet.io.geometry import Triple
from amcnet.io.header_lines import count_tracked_frames, header_lines
from amcnet.io.image_header import Encoding, ImageHeader, check_rank, sequence_error
from amcnet.io.metaimage_data_files import find_metaimage_data_files, number_field
from amcnet.io.space_units import millimetres_of

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_POINTS = ("Offset", "Position", "Origin")
_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
_BYTE_ORDERS = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_FLAGS = ("BinaryData", "CompressedData", *_BYTE_ORDERS)
_TRUE, _FALSE = ("true", "1"), ("false", "0")
# Fields that affect reading; all others may contain any text.
_USED = (
    "ObjectType", "NDims", "DimSize", "ElementType", "ElementNumberOfChannels", "ElementSpacing",
    "ElementSize", "HeaderSize", "CompressedDataSize", "DistanceUnits", "AnatomicalOrientation",
    "CenterOfRotation", "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset",
    *_POINTS, *_MATRICES, *_FLAGS,
)  # fmt: skip
# Each letter names the side that an axis comes from (ITK) or goes to (others), in LPS axes.
_SIDES = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
_NEAR_AXIS = 0.8  # cosine above which an oblique axis has a letter


def read_metaimage_header(path: Path, with_spacing: bool = True) -> ImageHeader:
    """Read the header of a ``.mha`` or ``.mhd`` file.

    Args:
        path: The file.
        with_spacing: Whether the header must state a usable voxel size; otherwise 1 mm is assumed.

    Raises:
        InputError: If it is not a MetaImage file, not a 3D volume, or its spatial information is
            unknown or contradictory.
    """
    with path.open("rb") as stream:
        fields, listed = _read_fields(path, stream)
        start = stream.tell()
    try:
        _check_fields(fields)
        sizes = _sizes(fields)
        frames = count_tracked_frames(fields)
        if frames > 1:
            raise sequence_error(frames)
        size = check_rank(sizes)
        unit_mm = _unit_mm(fields)
        direction = _direction(fields, len(sizes))
        _check_anatomical_orientation(fields, direction)
        spacing_mm = _spacing_mm(fields, len(sizes), unit_mm, with_spacing)
        value_type = _value_type(fields)
        scaling = _scaling(fields)
        channels = number_field(fields, "ElementNumberOfChannels", 1, "1")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return ImageHeader(
        path=path,
        size=size,
        spacing_mm=spacing_mm,
        origin_mm=_origin_mm(fields, len(sizes), unit_mm),
        direction=direction,
        value_type=value_type,
        data_files=find_metaimage_data_files(path, fields, listed, start),
        encoding=_encoding(fields),
        channels=channels,
        scaling=scaling,
        fields=fields,
    )


def _read_fields(path: Path, stream: Any) -> tuple[dict[str, str], list[str]]:  # noqa: ANN401
    """Read ``key = value`` lines up to ElementDataFile, the last line of every header."""
    fields: dict[str, str] = {}
    lines = header_lines(path, stream)
    for line in lines:
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            break
        if name in fields:
            raise InputError(f"{path}: the header has {name} twice, expected it once")
        if name in _USED and not value.isascii():  # a different kind of space, for example
            raise InputError(f"{path}: {name} is {value!a}, expected plain letters")
        fields[name] = value
        if name == "ElementDataFile":
            is_list = value.upper().startswith("LIST")
            return fields, [line.strip() for line in lines if line.strip()] if is_list else []
    raise InputError(f"{path}: the content is not MetaImage, expected a .mha or .mhd image")


def _check_fields(fields: dict[str, str]) -> None:
    kind, dimensions = fields.get("ObjectType", "Image"), fields.get("NDims", "")
    if kind != "Image":
        raise InputError(f"ObjectType is '{kind}', expected Image")
    if not re.fullmatch("[1-9]", dimensions):
        raise InputError(f"NDims is '{dimensions}', expected a number from 1 to 9")
    count = int(dimensions)
    for names, length in (((*_POINTS, "CenterOfRotation"), count), (_MATRICES, count * count)):
        for name in names:
            if name in fields and len(_numbers(fields[name])) != length:
                raise InputError(f"{name} is '{fields[name]}', expected {length} finite numbers")
        _check_one(fields, tuple(name for name in names if name != "CenterOfRotation"))
    for name in _FLAGS:
        if name in fields and fields[name].lower() not in (*_TRUE, *_FALSE):
            raise InputError(f"{name} is '{fields[name]}', expected True or False")
    _check_one(fields, _BYTE_ORDERS)


def _check_one(fields: dict[str, str], names: tuple[str, ...]) -> None:
    """Check that fields with the same meaning do not contradict each other."""
    found = {name: fields[name] for name in names if name in fields}
    values = {tuple(_numbers(text)) or text.lower() for text in found.values()}
    if len(values) > 1:
        text = " but ".join(f"{name} is '{value}'" for name, value in found.items())
        raise InputError(f"{text}, expected the same")


def _numbers(text: str) -> list[float]:
    """Return the numbers of a text; an empty list if any of them is not finite."""
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        return []
    return values if all(map(math.isfinite, values)) else []


def _is_set(fields: dict[str, str], name: str, otherwise: str = "False") -> bool:
    return fields.get(name, otherwise).lower() in _TRUE


def _sizes(fields: dict[str, str]) -> list[int]:
    words = fields.get("DimSize", "").split()
    is_good = all(re.fullmatch("0*[1-9][0-9]{0,9}", word) for word in words)
    if len(words) != int(fields["NDims"]) or not is_good:
        raise InputError(
            f"DimSize is '{fields.get('DimSize', '')}', expected positive sizes of "
            f"{fields['NDims']} axes"
        )
    return [int(word) for word in words]


def _value_type(fields: dict[str, str]) -> np.dtype[Any]:
    kind = fields.get("ElementType", "").removesuffix("_ARRAY")
    if kind not in _TYPES:
        raise InputError(
            f"ElementType is '{fields.get('ElementType', '')}', expected a number type"
        )
    if _encoding(fields) == "text":
        return np.dtype(_TYPES[kind])
    is_big = any(_is_set(fields, name) for name in _BYTE_ORDERS)
    return np.dtype((">" if is_big else "<") + _TYPES[kind])


def _encoding(fields: dict[str, str]) -> Encoding:
    if not _is_set(fields, "BinaryData", "True"):
        return "text"
    return "zlib" if _is_set(fields, "CompressedData") else "raw"


def _scaling(fields: dict[str, str]) -> tuple[float, float]:
    name = "ElementToIntensityFunction"
    slope, offset = (
        _numbers(fields.get(f"{name}{what}", otherwise))
        for what, otherwise in (("Slope", "1"), ("Offset", "0"))
    )
    if len(slope) != 1 or len(offset) != 1 or slope[0] == 0:
        raise InputError(
            f"{name}Slope is '{fields.get(f'{name}Slope', '1')}' and {name}Offset "
            f"'{fields.get(f'{name}Offset', '0')}', expected finite numbers and a slope other "
            "than 0"
        )
    return (slope[0], offset[0])


def _unit_mm(fields: dict[str, str]) -> float:
    unit = millimetres_of(fields.get("DistanceUnits", "mm"))
    if unit is None:
        raise InputError(f"DistanceUnits is '{fields['DistanceUnits']}', expected um, mm or cm")
    return unit


def _spacing_mm(fields: dict[str, str], rank: int, unit_mm: float, with_spacing: bool) -> Triple:
    text = fields.get("ElementSpacing") or fields.get("ElementSize")
    spacing = _numbers(text or "")
    if len(spacing) != rank or not all(value > 0 for value in spacing):
        if not with_spacing:
            return (1.0, 1.0, 1.0)
        if text is None:
            raise InputError("the header has no ElementSpacing, expected the voxel size")
        raise InputError(f"spacing is ({text}), expected a positive finite number for each axis")
    x, y, z = (value * unit_mm for value in spacing[:3])
    return (x, y, z)


def _origin_mm(fields: dict[str, str], rank: int, unit_mm: float) -> Triple:
    text = next((fields[name] for name in _POINTS if name in fields), " ".join(["0"] * rank))
    x, y, z = (value * unit_mm for value in _numbers(text)[:3])
    return (x, y, z)


def _direction(fields: dict[str, str], rank: int) -> tuple[float, ...]:
    """Return nine direction cosines; MetaImage stores one axis after the other."""
    text = next((fields[name] for name in _MATRICES if name in fields), None)
    matrix = np.eye(rank) if text is None else np.array(_numbers(text)).reshape(rank, rank)
    center = _numbers(fields.get("CenterOfRotation", ""))
    if any(center) and not np.allclose(matrix, np.eye(rank)):
        raise InputError(
            f"CenterOfRotation is '{fields['CenterOfRotation']}' with a rotation, expected zeros"
        )
    if np.abs(matrix[:3, 3:]).sum() or np.abs(matrix[3:, :3]).sum():
        raise InputError(f"TransformMatrix is '{text}', expected three spatial axes")
    return tuple(map(float, matrix[:3, :3].T.ravel()))


def _check_anatomical_orientation(fields: dict[str, str], direction: tuple[float, ...]) -> None:
    """Check that orientation letters such as RAI, if stated, agree with the direction."""
    text = fields.get("AnatomicalOrientation", "").upper()
    if len(text) != 3 or any(letter not in _SIDES for letter in text):
        return  # '???' and similar values are meaningless
    matrix = np.array(direction).reshape(3, 3)
    cosines = [matrix[_SIDES[letter][0], j] * _SIDES[letter][1] for j, letter in enumerate(text)]
    goes_to = all(cosine >= _NEAR_AXIS for cosine in cosines)
    comes_from = all(cosine <= -_NEAR_AXIS for cosine in cosines)
    if goes_to or comes_from or np.abs(matrix).max(axis=0).min() < _NEAR_AXIS:
        return
    matrix_text = " ".join(f"{value:.4g}" for value in matrix.T.ravel())
    raise InputError(
        f"AnatomicalOrientation is '{text}' but TransformMatrix is '{matrix_text}', expected "
        "the same orientation"
    )
