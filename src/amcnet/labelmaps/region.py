"""One labelled structure reduced to its surface and moments, and its extent in a direction.

Extents are sub-voxel. The surface crosses each column of voxels somewhere between the centre of the
last voxel inside and that of the first one outside. Near an end, a second-order surface is fitted
to all these intervals. It finds a rounded tip where the steps between the layers put it, even above
the middle of the outermost layer. A flat end along the grid has equal intervals and stays half a
voxel beyond the last centre.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.short_repr import short_repr

Labels = NDArray[np.integer[Any]]
Box = tuple[slice, slice, slice]
_Vector = NDArray[np.float64]

_DEPTH = 2.0  # voxels along the direction, from the outermost one, that the fit uses
_ROUNDS = 12  # iterations of the fit: after eight, less than 1/50 of a voxel remains to be gained
_MOST_COLUMNS = 1500  # a flat side of a large bone has many more than the fit needs


@dataclass(frozen=True)
class Region:
    """A labelled structure, reduced to what metrics and measurements need.

    Positions are (scan, lateral, depth) in mm from the centre of the volume's first voxel.

    Attributes:
        voxels: Number of voxels, at least 1.
        centroid_mm: Mean position, (3,).
        covariance_mm2: Covariance of position, with the variance within a voxel, (3, 3).
        surface_mm: Centres of the surface voxels, (n, 3), n at least 1.
        spacing_mm: Voxel size, (3,).

    Example:
        >>> from amcnet.labelmaps.region_finding import find_regions
        >>> labels = np.ones((10, 4, 2), np.uint8)
        >>> (region,) = find_regions(labels, 2, np.array([1.0, 1.0, 1.0]))
        >>> region.voxels, region.centroid_mm.tolist()
        (80, [4.5, 1.5, 0.5])
    """

    voxels: int
    centroid_mm: NDArray[np.float64]
    covariance_mm2: NDArray[np.float64]
    surface_mm: NDArray[np.float64]
    spacing_mm: NDArray[np.float64]
    __repr__ = short_repr

    @property
    def box(self) -> Box:
        """Bounding box in the volume, as slices (scan, lateral, depth)."""
        index = [np.rint(f(self.surface_mm, axis=0) / self.spacing_mm) for f in (np.min, np.max)]
        first, last = (corner.astype(int).tolist() for corner in index)
        scan, lateral, depth = (slice(a, b + 1) for a, b in zip(first, last, strict=True))
        return scan, lateral, depth


def principal_extents_mm(region: Region) -> tuple[float, float, float]:
    """Return (length, width, thickness) along the principal axes.

    Length is the extent along the axis of largest variance; width and thickness are the larger and
    the smaller of the other two. A box of n voxels along an image axis measures n * spacing. Other
    shapes are accurate to half a voxel.

    Example:
        >>> from amcnet.labelmaps.region_finding import find_regions
        >>> (region,) = find_regions(np.ones((10, 4, 2), np.uint8), 2, np.array([1.0, 1.0, 1.0]))
        >>> [round(mm, 1) for mm in principal_extents_mm(region)]
        [10.0, 4.0, 2.0]
    """
    _, axes = np.linalg.eigh(region.covariance_mm2)
    length, *cross = (extent_mm(region, axis) for axis in axes.T[::-1])
    return length, max(cross), min(cross)


def length_mm(region: Region) -> float:
    """Return the extent along the axis of largest variance.

    Example:
        >>> from amcnet.labelmaps.region_finding import find_regions
        >>> (region,) = find_regions(np.ones((10, 4, 2), np.uint8), 2, np.array([1.0, 1.0, 1.0]))
        >>> round(length_mm(region), 1)
        10.0
    """
    return extent_mm(region, np.linalg.eigh(region.covariance_mm2)[1][:, -1])


def extent_mm(region: Region, direction: NDArray[np.float64]) -> float:
    """Return the extent in mm of a region along a unit vector (3,).

    Example:
        >>> from amcnet.labelmaps.region_finding import find_regions
        >>> (region,) = find_regions(np.ones((10, 4, 2), np.uint8), 2, np.array([1.0, 1.0, 1.0]))
        >>> round(extent_mm(region, np.array([0.0, 1.0, 0.0])), 1)
        4.0
    """
    span = float(np.ptp(region.surface_mm @ direction))
    ends = (direction, -direction)
    return span + sum(_end_margin_mm(region.surface_mm, end, region.spacing_mm) for end in ends)


def _voxel_extent_mm(direction: _Vector, spacing_mm: _Vector) -> float:
    """Return the size of a voxel in a direction; it lies between the shortest and longest edge."""
    return float(np.sqrt(np.sum((direction * spacing_mm) ** 2)))


def _end_margin_mm(surface_mm: _Vector, direction: _Vector, spacing_mm: _Vector) -> float:
    """Estimate how far a solid extends beyond the centre of its outermost voxel.

    Args:
        surface_mm: Centres of its surface voxels, (n, 3), n at least 1.
        direction: Unit vector, (3,).
        spacing_mm: Voxel size, (3,).

    Returns:
        Millimetres along the direction, from 0 to the size of a voxel.
    """
    position = surface_mm @ direction
    highest = float(position.max())
    reach = _DEPTH * _voxel_extent_mm(direction, spacing_mm)
    near = position > highest - reach * (1 - 1e-6)
    points, depth = surface_mm[near], highest - position[near]
    axis = int(np.argmax(np.abs(direction)))
    across = [other for other in range(3) if other != axis]
    last = _last_of_columns(points[:, across] / spacing_mm[across], depth)
    last = last[:: 1 + len(last) // _MOST_COLUMNS]
    width = abs(float(direction[axis])) * float(spacing_mm[axis])
    low = -depth[last]
    crossing = _fit(points[last][:, across], low, width, 1 - depth[last] / reach)
    return float(crossing.max())


def _last_of_columns(place: _Vector, depth: _Vector) -> NDArray[np.int64]:
    """Return the index of the least deep voxel of each column; ``place`` is (n, 2), in voxels."""
    column = np.rint(place - place.min(axis=0)).astype(np.int64)
    key = column[:, 0] * (column[:, 1].max() + 1) + column[:, 1]
    order = np.lexsort((depth, key))
    first = np.ones(len(order), dtype=bool)
    first[1:] = np.diff(key[order]) != 0
    found: NDArray[np.int64] = order[first]
    return found


def _fit(place_mm: _Vector, low_mm: _Vector, width_mm: float, weight: _Vector) -> _Vector:
    """Return the heights at which a smooth surface crosses the columns, within their intervals.

    Args:
        place_mm: The columns, (n, 2).
        low_mm: Height of the last voxel inside, (n,).
        width_mm: Height of the first voxel outside above it.
        weight: Weights of the columns, (n,).
    """
    centred = place_mm - place_mm.mean(axis=0)
    u, v = (centred / np.maximum(np.abs(centred).max(axis=0), 1e-9)).T
    terms = np.column_stack([np.ones_like(u), u, v, u**2, v**2, u * v])
    weighted = terms.T * weight
    solve = np.linalg.pinv(weighted @ terms, rcond=1e-10, hermitian=True) @ weighted
    crossing = low_mm + width_mm / 2
    for _ in range(_ROUNDS):
        crossing = np.clip(terms @ (solve @ crossing), low_mm, low_mm + width_mm)
    return np.asarray(crossing)
