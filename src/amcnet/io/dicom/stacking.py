"""From frames that lie somewhere to one volume: their order, and the grid that they make."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io.dicom.frame_positions import Placing
from amcnet.io.geometry import Triple

_UNEQUAL = 0.01  # of the spacing
_ROUNDING_MM = 1e-4  # of positions that are written as text
_SHEAR = 0.1  # of a pixel


@dataclass(frozen=True)
class Grid:
    """Where a stack of frames lies, in SimpleITK order (x, y, z).

    Attributes:
        order: Index of the frame that each slice is.
        spacing_mm: Distance between columns, rows and slices, in mm.
        origin_mm: Position of the first voxel of the first slice, in mm.
        direction: Nine direction cosines, row by row.
    """

    order: NDArray[np.intp]
    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]


def stack(placing: Placing, name: str) -> Grid:
    """Sort frames along their normal and check that they make a grid without gaps.

    Args:
        placing: Where they lie.
        name: What they are called in an error.

    Raises:
        InputError: If frames lie at one position, slices are missing or unequally far apart, or
            they do not lie straight above each other.
    """
    normal = normal_of(placing)
    along = placing.positions_mm @ normal
    order = np.argsort(along, kind="stable")
    slice_mm = _slice_spacing(along[order], placing.slice_spacing_mm, name)
    first = placing.positions_mm[order[0]]
    check_straight(placing, name)
    row, column = np.array(placing.orientation).reshape(2, 3)
    direction = np.stack([row, column, normal], axis=1)
    row_mm, column_mm = placing.pixel_spacing_mm
    return Grid(
        order=order,
        spacing_mm=(column_mm, row_mm, slice_mm),
        origin_mm=(float(first[0]), float(first[1]), float(first[2])),
        direction=tuple(direction.ravel().tolist()),
    )


def normal_of(placing: Placing) -> NDArray[np.float64]:
    """Return the unit vector along which slices follow each other."""
    row, column = np.array(placing.orientation).reshape(2, 3)
    normal: NDArray[np.float64] = np.cross(row, column)
    return normal / np.linalg.norm(normal)


def check_straight(placing: Placing, name: str) -> None:
    """Check that frames differ in position along their normal only.

    Raises:
        InputError: If the stack is sheared, as that of a tilted gantry is.
    """
    normal = normal_of(placing)
    offsets = placing.positions_mm - placing.positions_mm[0]
    aside = np.linalg.norm(offsets - np.outer(offsets @ normal, normal), axis=1).max()
    if aside > _SHEAR * min(placing.pixel_spacing_mm):
        raise InputError(
            f"{name}: its slices are shifted by up to {aside:.4g} mm against each other, expected "
            "them straight above each other"
        )


def _slice_spacing(along_mm: NDArray[np.float64], stated_mm: float | None, name: str) -> float:
    """Return the distance between slices that are sorted."""
    if len(along_mm) == 1:
        if stated_mm is None:
            raise InputError(
                f"{name}: holds one slice without SliceThickness, expected several slices"
            )
        return stated_mm
    steps = np.diff(along_mm)
    usual = float(np.median(steps))
    same = np.flatnonzero(steps <= max(_UNEQUAL * usual, _ROUNDING_MM))
    if len(same):
        raise InputError(
            f"{name}: {len(same) + 1} or more of {len(along_mm)} frames lie at one position "
            f"(the first at {along_mm[same[0]]:.6g} mm), expected one volume"
        )
    far = np.flatnonzero(steps > 1.5 * usual)
    if len(far):
        missing = round(float(np.sum(steps[far] / usual - 1)))
        raise InputError(
            f"{name}: {missing} slices are missing in {len(far)} gaps, the first between slices "
            f"{far[0] + 1} and {far[0] + 2}, {steps[far[0]]:.6g} mm apart instead of {usual:.6g} mm"
        )
    mean = float(steps.mean())
    if np.abs(steps - mean).max() > _UNEQUAL * mean + _ROUNDING_MM:
        raise InputError(
            f"{name}: its slices are {steps.min():.6g} to {steps.max():.6g} mm apart, expected "
            f"distances that differ by at most {_UNEQUAL:.0%}"
        )
    return mean
