"""The regions of an ultrasound image: extent of the picture and its pixel spacing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io.dicom.headers import numbers, value_of, whole_number

_TWO_DIMENSIONAL = 1  # RegionSpatialFormat
_CENTIMETRES = 3  # PhysicalUnitsXDirection
_MM_PER_CM = 10
_TOLERANCE = 0.01  # relative


@dataclass(frozen=True)
class UltrasoundRegion:
    """A rectangle of an image that shows tissue in two dimensions.

    Attributes:
        left: First column.
        top: First row.
        right: Column after the last one.
        bottom: Row after the last one.
        pixel_spacing_mm: Distance between rows and between columns; None if not given in cm.
    """

    left: int
    top: int
    right: int
    bottom: int
    pixel_spacing_mm: tuple[float, float] | None


def regions_of(header: Any, name: str) -> list[UltrasoundRegion]:  # noqa: ANN401
    """Return the two-dimensional regions of SequenceOfUltrasoundRegions (PS3.3 C.8.5.5).

    Args:
        header: Header of the image.
        name: Name of the image in error messages.

    Raises:
        InputError: If a region lies outside the image, or its spacing is unusable.
    """
    rows, columns = whole_number(header, "Rows"), whole_number(header, "Columns")
    return [
        _region(item, rows, columns, name)
        for item in value_of(header, "SequenceOfUltrasoundRegions") or ()
        if whole_number(item, "RegionSpatialFormat") == _TWO_DIMENSIONAL
    ]


def spacing_of_regions(
    regions: Sequence[UltrasoundRegion], name: str
) -> tuple[float, float] | None:
    """Return the common pixel spacing of the regions; None if none of them states one.

    Raises:
        InputError: If regions state different ones.
    """
    found = [one.pixel_spacing_mm for one in regions if one.pixel_spacing_mm is not None]
    for other in found[1:]:
        if not np.allclose(other, found[0], rtol=_TOLERANCE, atol=0):
            raise InputError(
                f"{name}: its ultrasound regions have pixel spacings {_text(found[0])} and "
                f"{_text(other)} mm, expected one (--spacing overrides them)"
            )
    return found[0] if found else None


def outside_mask(
    regions: Sequence[UltrasoundRegion], shape: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """Return which pixels (row, column) lie outside all regions; None if there are no regions."""
    if not regions:
        return None
    outside = np.ones(shape, dtype=bool)
    for one in regions:
        outside[one.top : one.bottom, one.left : one.right] = False
    return outside


def _region(item: Any, rows: int, columns: int, name: str) -> UltrasoundRegion:  # noqa: ANN401
    keys = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    left, top, right, bottom = (whole_number(item, f"RegionLocation{key}", -1) for key in keys)
    # Some devices write the column after the last one.
    if not (0 <= left < right <= columns and 0 <= top < bottom <= rows):
        raise InputError(
            f"{name}: an ultrasound region covers columns {left} to {right} and rows {top} to "
            f"{bottom}, expected a region inside the image of {columns} x {rows} pixels"
        )
    return UltrasoundRegion(
        left, top, min(right + 1, columns), min(bottom + 1, rows), _spacing(item, name)
    )


def _spacing(item: Any, name: str) -> tuple[float, float] | None:  # noqa: ANN401
    units = [whole_number(item, f"PhysicalUnits{axis}Direction") for axis in "XY"]
    if units != [_CENTIMETRES, _CENTIMETRES]:
        return None
    deltas = [numbers(item, f"PhysicalDelta{axis}", 1) for axis in "YX"]
    values = [abs(one[0]) * _MM_PER_CM for one in deltas if one is not None]
    if len(values) != 2 or not np.isfinite(values).all() or min(values) <= 0:
        raise InputError(
            f"{name}: PhysicalDeltaY and PhysicalDeltaX of an ultrasound region are "
            f"{' and '.join(f'{value:g} mm' for value in values) or 'absent'}, expected numbers > 0"
        )
    return values[0], values[1]


def _text(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)
