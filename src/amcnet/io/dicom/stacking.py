"""Stack frames into a volume: their order, and the grid that they form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, count_text
from amcnet.io.dicom.frame_positions import FramePositions
from amcnet.io.geometry import Triple

_UNEQUAL = 0.01  # as a fraction of the spacing
_ROUNDING_MM = 1e-4  # for positions that are written as text
_SHEAR = 0.1  # of a pixel
_CONTRADICTION = 0.05  # relative


@dataclass(frozen=True)
class StackGrid:
    """The grid of a stack of frames, in SimpleITK order (x, y, z).

    Attributes:
        order: Index of the frame of each slice.
        spacing_mm: Distance between columns, rows and slices, in mm.
        origin_mm: Position of the first voxel of the first slice, in mm.
        direction: Nine direction cosines, row by row.
    """

    order: NDArray[np.intp]
    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]


def stack(positions: FramePositions, name: str) -> StackGrid:
    """Sort frames along their normal and check that they form a grid without gaps.

    Args:
        positions: Positions of the frames.
        name: Name of the frames in error messages.

    Raises:
        InputError: If frames share a position, slices are missing or unevenly spaced, or frames are
            shifted sideways against each other.
    """
    normal = normal_of(positions)
    along = positions.positions_mm @ normal
    order = np.argsort(along, kind="stable")
    rounding_mm = float(np.abs(normal) @ positions.rounding_mm)
    stated_mm = positions.slice_distance_mm or positions.slice_thickness_mm
    slice_mm = _slice_spacing(along[order], stated_mm, rounding_mm, name)
    first = positions.positions_mm[order[0]]
    check_straight(positions, name)
    row, column = np.array(positions.orientation).reshape(2, 3)
    direction = np.stack([row, column, normal], axis=1)
    row_mm, column_mm = positions.pixel_spacing_mm
    return StackGrid(
        order=order,
        spacing_mm=(column_mm, row_mm, slice_mm),
        origin_mm=(float(first[0]), float(first[1]), float(first[2])),
        direction=tuple(direction.ravel().tolist()),
    )


def check_slice_distance(positions: FramePositions, grid: StackGrid, name: str) -> None:
    """Check that SpacingBetweenSlices, if stated, agrees with the positions.

    Raises:
        InputError: If it does not.
    """
    stated, found = positions.slice_distance_mm, grid.spacing_mm[2]
    slack = _CONTRADICTION * found + 2 * float(positions.rounding_mm.sum())
    if stated is not None and len(grid.order) > 1 and abs(stated - found) > slack:
        raise InputError(
            f"{name}: its slices are {found:.6g} mm apart according to their positions but "
            f"{stated:.6g} mm according to SpacingBetweenSlices, expected the same (--spacing "
            "overrides both)"
        )


def normal_of(positions: FramePositions) -> NDArray[np.float64]:
    """Return the unit vector from slice to slice."""
    row, column = np.array(positions.orientation).reshape(2, 3)
    normal: NDArray[np.float64] = np.cross(row, column)
    return normal / np.linalg.norm(normal)


def check_straight(positions: FramePositions, name: str) -> None:
    """Check that the positions of frames differ only along their normal.

    Raises:
        InputError: If the stack is sheared, as with a tilted gantry.
    """
    normal = normal_of(positions)
    offsets = positions.positions_mm - positions.positions_mm[0]
    aside = np.linalg.norm(offsets - np.outer(offsets @ normal, normal), axis=1).max()
    rounding_mm = 2 * float(np.linalg.norm(positions.rounding_mm))
    if aside > _SHEAR * min(positions.pixel_spacing_mm) + rounding_mm:
        raise InputError(
            f"{name}: its slices are shifted sideways by up to {aside:.4g} mm, expected an "
            "unsheared stack"
        )


def _slice_spacing(
    along_mm: NDArray[np.float64], stated_mm: float | None, rounding_mm: float, name: str
) -> float:
    """Return the distance between sorted slices with positions rounded by ``rounding_mm``."""
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
            f"{name}: {len(same) + 1} or more of {len(along_mm)} frames have the same position "
            f"(the first at {along_mm[same[0]]:.6g} mm), expected one volume"
        )
    far = np.flatnonzero(steps > 1.5 * usual)
    if len(far):
        missing = round(float(np.sum(steps[far] / usual - 1)))
        raise InputError(
            f"{name}: lacks {count_text(missing, 'slice')} in {count_text(len(far), 'gap')}, "
            "the first between slices "
            f"{far[0] + 1} and {far[0] + 2}, {steps[far[0]]:.6g} mm apart instead of {usual:.6g} mm"
        )
    mean = float(steps.mean())
    is_even = np.abs(steps - mean).max() <= _UNEQUAL * mean + _ROUNDING_MM
    if not is_even and not _is_rounded_grid(along_mm, rounding_mm):
        raise InputError(
            f"{name}: its slices are {steps.min():.6g} to {steps.max():.6g} mm apart, expected "
            f"distances that differ by at most {_UNEQUAL:.0%}"
        )
    return mean


def _is_rounded_grid(along_mm: NDArray[np.float64], rounding_mm: float) -> bool:
    """Return whether all positions are rounded points of one exact grid.

    A line through only the first and last positions would inherit their rounding errors.
    """
    exact = np.linspace(along_mm[0], along_mm[-1], len(along_mm))
    return bool(np.abs(along_mm - exact).max() <= 2 * rounding_mm * (1 + 1e-6))
