"""Canonical axes: how the grid of a file maps to arrays in (scan, lateral, depth) order."""

import copy
from dataclasses import dataclass, fields
from itertools import permutations
from math import isfinite
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError

CanonicalAxis = Literal["scan", "lateral", "depth"]
CANONICAL_AXES: tuple[CanonicalAxis, ...] = get_args(CanonicalAxis)

Triple = tuple[float, float, float]

_PHYSICAL_AXES = ("depth", "lateral", "scan")  # LPS x, y, z of the canonical orientation
_RIGHT_ANGLE_TOLERANCE = 1e-3
_LEAST_MM, _MOST_MM = 1e-6, 1e6


@dataclass(frozen=True)
class Geometry:
    """The grid of a file, and how its stored array maps to the canonical one.

    Attributes:
        size: Voxels along the file's (x, y, z).
        spacing_mm: Voxel size along the file's (x, y, z), in mm.
        origin_mm: Position of the first stored voxel, LPS, in mm.
        direction: 3 x 3 direction cosines, row by row; column j is the direction of the file's axis
            j in LPS.
        order: For each canonical axis (scan, lateral, depth) the axis of the stored NumPy
            array (z, y, x) that it comes from.
        flipped: For each canonical axis, whether the stored axis runs in the opposite direction.

    Example:
        >>> grid = Geometry.canonical((609, 1023, 512), (0.279, 0.130, 0.088))
        >>> grid.size, grid.axes
        ((512, 1023, 609), 'depth,lateral,scan')
    """

    size: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]
    order: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    @classmethod
    def from_grid(
        cls,
        size: tuple[int, int, int],
        spacing_mm: Triple,
        origin_mm: Triple,
        direction: tuple[float, ...],
        axes: str = "auto",
    ) -> "Geometry":
        """Build a geometry from a file's grid, all in SimpleITK order (x, y, z).

        Args:
            size: Voxels along x, y, z.
            spacing_mm: Voxel size along x, y, z, in mm.
            origin_mm: Position of the first voxel, in mm.
            direction: Nine direction cosines, row by row.
            axes: ``"auto"`` assigns each axis to the nearest canonical one by the direction
                cosines; a text such as ``"depth,lateral,-scan"`` states what the file's x, y and z
                mean instead, with ``-`` for an axis in the opposite direction.

        Raises:
            InputError: If a value is not finite, the spacing is not positive, the axes are not
                at right angles, or ``axes`` is neither ``auto`` nor three different names.
        """
        _check_grid(spacing_mm, origin_mm, direction)
        is_auto = axes.strip().lower() == "auto"
        meaning = _nearest_axes(direction) if is_auto else _parse_axes(axes)
        file_axes = [[axis for axis, _ in meaning].index(physical) for physical in (2, 1, 0)]
        return cls(
            size=size,
            spacing_mm=spacing_mm,
            origin_mm=origin_mm,
            direction=direction,
            order=(2 - file_axes[0], 2 - file_axes[1], 2 - file_axes[2]),
            flipped=(meaning[file_axes[0]][1], meaning[file_axes[1]][1], meaning[file_axes[2]][1]),
        )

    @classmethod
    def canonical(cls, shape: tuple[int, int, int], spacing_mm: Triple) -> "Geometry":
        """Build the geometry of a canonical array: identity direction, origin at zero.

        Args:
            shape: Voxels in (scan, lateral, depth).
            spacing_mm: Voxel size in (scan, lateral, depth), in mm.

        Raises:
            InputError: If the spacing is not positive and finite.
        """
        return cls.from_grid(
            size=(shape[2], shape[1], shape[0]),
            spacing_mm=(spacing_mm[2], spacing_mm[1], spacing_mm[0]),
            origin_mm=(0.0, 0.0, 0.0),
            direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        )

    @classmethod
    def of(cls, grid: "Geometry") -> Self:
        """Return a grid as an instance of this class; subclasses know more about their file."""
        return cls(**{field.name: getattr(grid, field.name) for field in fields(Geometry)})

    def with_axes(self, axes: str) -> Self:
        """Return the same grid with another meaning of the file's x, y and z.

        Args:
            axes: See :meth:`from_grid`.

        Raises:
            InputError: If ``axes`` is neither ``auto`` nor three different names.
        """
        other = Geometry.from_grid(self.size, self.spacing_mm, self.origin_mm, self.direction, axes)
        turned = copy.copy(self)  # also keeps the file information of a subclass
        object.__setattr__(turned, "order", other.order)
        object.__setattr__(turned, "flipped", other.flipped)
        return turned

    def with_spacing(self, spacing_mm: Triple) -> "Geometry":
        """Return the same grid with another voxel size, for a file that states none or a wrong one.

        File information of a subclass is dropped, as it may contradict the new size.

        Args:
            spacing_mm: Voxel size in (scan, lateral, depth), in mm.

        Raises:
            InputError: If it is not three positive finite numbers.
        """
        try:
            scan_mm, lateral_mm, depth_mm = (float(size) for size in spacing_mm)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"spacing_mm: found {spacing_mm}, expected (scan, lateral, depth)"
            ) from error
        along = dict(zip(self.order, (scan_mm, lateral_mm, depth_mm), strict=True))
        spacing = (along[2], along[1], along[0])
        _check_grid(spacing, self.origin_mm, self.direction)
        return Geometry(
            self.size, spacing, self.origin_mm, self.direction, self.order, self.flipped
        )

    @property
    def axes(self) -> str:
        """Meaning of the file's x, y, z for ``from_grid``, such as ``depth,lateral,-scan``."""
        names = {
            2 - stored: f"{'-' if flipped else ''}{name}"
            for name, stored, flipped in zip(CANONICAL_AXES, self.order, self.flipped, strict=True)
        }
        return ",".join(names[axis] for axis in range(3))

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """Shape of the stored NumPy array, (z, y, x)."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def canonical_shape(self) -> tuple[int, int, int]:
        """Shape of the canonical array, (scan, lateral, depth)."""
        first, second, third = (self.stored_shape[axis] for axis in self.order)
        return (first, second, third)

    @property
    def canonical_spacing_mm(self) -> Triple:
        """Voxel size of the canonical array, (scan, lateral, depth), in mm."""
        first, second, third = (self.spacing_mm[2 - axis] for axis in self.order)
        return (first, second, third)

    def to_canonical(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn a stored array (z, y, x) into a contiguous one in (scan, lateral, depth).

        Raises:
            InputError: If the shape does not match the file's grid.
        """
        _check_shape("stored array", stored.shape, self.stored_shape)
        canonical = np.flip(np.transpose(stored, self.order), self._flipped_axes)
        return np.ascontiguousarray(canonical)

    def from_canonical(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn an array in (scan, lateral, depth) into a contiguous stored one (z, y, x).

        Raises:
            InputError: If the shape differs from :attr:`canonical_shape`.
        """
        _check_shape("array", array.shape, self.canonical_shape)
        stored = np.transpose(np.flip(array, self._flipped_axes), np.argsort(self.order))
        return np.ascontiguousarray(stored)

    @property
    def _flipped_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(3) if self.flipped[axis])

    def canonical_grid(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the position and orientation of the canonical array in space.

        Returns:
            Position of the canonical array's first voxel (LPS, mm), shape (3,), and the
            directions of its axes (scan, lateral, depth) as the rows of a (3, 3) array.
        """
        columns = np.array(self.direction, dtype=np.float64).reshape(3, 3).T
        origin = np.array(self.origin_mm, dtype=np.float64)
        rows = np.empty((3, 3))
        for canonical, stored in enumerate(self.order):
            axis = 2 - stored
            rows[canonical] = -columns[axis] if self.flipped[canonical] else columns[axis]
            if self.flipped[canonical]:
                origin += columns[axis] * self.spacing_mm[axis] * (self.size[axis] - 1)
        return origin, rows


def vector_text(values: Any) -> str:  # noqa: ANN401  any sequence of numbers
    """Return numbers as a short text, for example ``(0.2, 0.3, 0.4)``."""
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def _check_shape(what: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise InputError(f"{what}: shape is {found}, expected {expected}")


def _check_grid(spacing_mm: Triple, origin_mm: Triple, direction: tuple[float, ...]) -> None:
    if not all(isfinite(value) and value > 0 for value in spacing_mm):
        raise InputError(
            f"spacing is {vector_text(spacing_mm)} mm, expected positive finite numbers"
        )
    if not all(_LEAST_MM <= value <= _MOST_MM for value in spacing_mm):
        raise InputError(
            f"spacing is {vector_text(spacing_mm)} mm, expected lengths between {_LEAST_MM:g} and "
            f"{_MOST_MM:g} mm"
        )
    if not all(isfinite(value) for value in origin_mm):
        raise InputError(f"origin is {vector_text(origin_mm)} mm, expected finite numbers")
    check_right_angles(np.array(direction, dtype=np.float64).reshape(3, 3))


def check_right_angles(matrix: npt.NDArray[np.float64]) -> None:
    """Check that the columns of a matrix are three unit axes at right angles.

    Raises:
        InputError: If they are not. The text has no path.
    """
    # On a sheared grid, lengths would be wrong: no single voxel size per axis exists.
    with np.errstate(all="ignore"):
        products = matrix.T @ matrix
    if np.allclose(products, np.eye(3), rtol=0, atol=_RIGHT_ANGLE_TOLERANCE):
        return
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.diag(products))
        cosines = products / np.outer(lengths, lengths)
    sheared = max(((0, 1), (0, 2), (1, 2)), key=lambda pair: abs(cosines[pair]))
    cosine = cosines[sheared]
    if abs(cosine) > _RIGHT_ANGLE_TOLERANCE:
        names = " and ".join("xyz"[axis] for axis in sheared)
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        raise InputError(
            f"the file's axes {names} meet at {angle:.5g} degrees (a sheared grid), expected "
            "three axes at right angles"
        )
    raise InputError(
        f"direction is {vector_text(matrix.ravel())}, expected three unit axes at right angles"
    )


def _nearest_axes(direction: tuple[float, ...]) -> list[tuple[int, bool]]:
    """Return, for the file's x, y, z, the nearest physical axis and whether it is flipped."""
    matrix = np.array(direction, dtype=np.float64).reshape(3, 3)
    # Rounding resolves ties (45 degrees) to the first permutation, which moves the fewest axes.
    best = max(
        permutations(range(3)),
        key=lambda axes: round(sum(abs(matrix[axes[j], j]) for j in range(3)), 6),
    )
    return [(axis, bool(matrix[axis, j] < 0)) for j, axis in enumerate(best)]


def _parse_axes(axes: str) -> list[tuple[int, bool]]:
    names = [name.strip().lower() for name in axes.split(",")]
    plain = [name.removeprefix("-").strip() for name in names]
    if sorted(plain) != sorted(_PHYSICAL_AXES):
        raise InputError(
            f"axes: found '{axes}', expected 'auto' or depth, lateral and scan in the order of "
            "the file's x, y, z, for example 'depth,lateral,-scan'"
        )
    return [
        (_PHYSICAL_AXES.index(word), name.startswith("-"))
        for word, name in zip(plain, names, strict=True)
    ]
