"""The surface of every structure of a label volume."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import isfinite, prod

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError
from amcnet.io import Geometry, Volume
from amcnet.memory import check_room
from amcnet.mesh.marching import marching_cubes
from amcnet.short_repr import short_repr

_REACH = 3.0  # standard deviations at which the Gaussian ends
_BYTES = 24  # bytes of memory, at most, for a voxel of the processed box


@dataclass(frozen=True)
class Surface:
    """A closed surface; each of its edges has two triangles.

    Attributes:
        structure: The structure.
        points_mm: Corners, float64 (n, 3), in LPS patient coordinates, in mm.
        triangles: Indices of points, int64 (m, 3), counter-clockwise when seen from outside.

    Example:
        >>> from amcnet.anatomy import Structure
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        >>> triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
        >>> round(Surface(Structure(1, "tetrahedron"), corners, triangles).volume_mm3, 4)
        0.1667
    """

    structure: Structure
    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int64]
    __repr__ = short_repr

    @property
    def volume_mm3(self) -> float:
        """Enclosed volume, by the divergence theorem."""
        a, b, c = (self.points_mm[self.triangles[:, i]] - self.points_mm[0] for i in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def find_surfaces(
    labels: Volume,
    table: LabelTable,
    values: Collection[int] | None = None,
    smooth_mm: float | None = None,
) -> Iterator[Surface]:
    """Compute the surface of every structure that is present.

    The mask of a structure is smoothed by a Gaussian and cut at the level that keeps the number of
    voxels inside, so that smoothing does not shrink it. At the border of the volume, the surface is
    closed.

    Args:
        labels: Label volume, see :func:`amcnet.io.read_labels`.
        table: Label table of the values.
        values: Label values of the structures, by default all.
        smooth_mm: Standard deviation of the Gaussian, by default the longest edge of a voxel; 0
            keeps the voxels.

    Yields:
        The surfaces, in the order of the values.

    Raises:
        InputError: If ``smooth_mm`` is negative or not finite.
        NotEnoughMemoryError: If a structure is too large for this machine.

    Example:
        >>> from amcnet.io import volume_from_array
        >>> labels = np.zeros((12, 12, 12), np.uint8)
        >>> labels[2:10, 2:10, 2:10] = 1
        >>> volume = volume_from_array(labels, (1.0, 1.0, 1.0))
        >>> (cube,) = find_surfaces(volume, LabelTable.from_names(["cube"]), smooth_mm=0)
        >>> round(cube.volume_mm3)
        501
    """
    from scipy import ndimage

    smooth_mm = max(labels.spacing_mm) if smooth_mm is None else smooth_mm
    if not (isfinite(smooth_mm) and smooth_mm >= 0):
        raise InputError(f"smoothing is {smooth_mm:g} mm, expected 0 or more")
    boxes = ndimage.find_objects(labels.array, max_label=len(table))
    for structure, box in zip(table, boxes, strict=True):
        if box is not None and (values is None or structure.value in values):
            mask = labels.array[box] == structure.value
            start = np.array([part.start for part in box])
            yield _surface(mask, start, labels.geometry, structure, smooth_mm)


def _surface(
    mask: NDArray[np.bool_],
    start: NDArray[np.int64],
    geometry: Geometry,
    structure: Structure,
    smooth_mm: float,
) -> Surface:
    spacing = np.array(geometry.canonical_spacing_mm)
    sigma = smooth_mm / spacing
    padding = (_REACH * sigma + 0.5).astype(int) + 1
    box = [int(n + 2 * pad) for n, pad in zip(mask.shape, padding, strict=True)]
    check_room(f"the surface of '{structure.name}'", _BYTES * prod(box))
    field, level = _smoothed(mask, sigma, padding)
    points, triangles = marching_cubes(field, level)
    origin, axes = geometry.canonical_grid()
    points_mm = origin + ((points + (start - padding)) * spacing) @ axes
    if np.linalg.det(axes) < 0:  # a left-handed grid flips all triangles
        triangles = triangles[:, ::-1]
    return Surface(structure, points_mm, np.ascontiguousarray(triangles))


def _smoothed(
    mask: NDArray[np.bool_], sigma: NDArray[np.float64], padding: NDArray[np.int_]
) -> tuple[NDArray[np.float32], float]:
    """Return a smoothed mask, and the level above which it has as many voxels as before."""
    from scipy import ndimage

    field = np.pad(mask, [(pad, pad) for pad in padding]).astype(np.float32)
    if not sigma.any():
        return field, 0.5
    field = ndimage.gaussian_filter(field, sigma, mode="constant", truncate=_REACH)
    voxels = int(np.count_nonzero(mask))
    ordered = np.partition(field, field.size - voxels, axis=None)
    lowest_inside = ordered[field.size - voxels]
    highest_outside = ordered[ordered < lowest_inside].max()
    # Symmetric solids have many equal values: all values equal to the last inside one are inside.
    level = np.float32(0.5) * (lowest_inside + highest_outside)
    return field, float(level if level < lowest_inside else highest_outside)
