"""One labelled structure as a solid of voxels: its surface, its moments and its extents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.labelmaps.region_extent import end_margin_mm

Labels = NDArray[np.integer[Any]]
Box = tuple[slice, ...]


@dataclass(frozen=True)
class Region:
    """A structure's voxels, reduced to what metrics and measurements need.

    Positions are (scan, lateral, depth) in mm from the centre of the volume's first voxel.

    Attributes:
        voxels: Number of voxels, at least 1.
        centroid_mm: Mean position, (3,).
        covariance_mm2: Covariance of position, with the variance within a voxel, (3, 3).
        surface_mm: Centres of the surface voxels, (n, 3), n at least 1.
        spacing_mm: Voxel size, (3,).
    """

    voxels: int
    centroid_mm: NDArray[np.float64]
    covariance_mm2: NDArray[np.float64]
    surface_mm: NDArray[np.float64]
    spacing_mm: NDArray[np.float64]

    @property
    def box(self) -> Box:
        """The smallest part of the volume that holds it, as slices (scan, lateral, depth)."""
        index = [np.rint(f(self.surface_mm, axis=0) / self.spacing_mm) for f in (np.min, np.max)]
        first, last = (corner.astype(int).tolist() for corner in index)
        return tuple(slice(begin, end + 1) for begin, end in zip(first, last, strict=True))


def principal_extents_mm(solid: Region) -> tuple[float, float, float]:
    """Return (length, width, thickness) along the principal axes.

    Length is the extent along the axis of largest variance, width and thickness are the larger
    and the smaller of the other two. A box of n voxels along an image axis measures n * spacing.
    Other solids are right to half a voxel, see :mod:`amcnet.labelmaps.region_extent`.
    """
    _, axes = np.linalg.eigh(solid.covariance_mm2)
    length, *cross = (extent_mm(solid, axis) for axis in axes.T[::-1])
    return length, max(cross), min(cross)


def length_mm(solid: Region) -> float:
    """Return the first of the principal extents alone."""
    return extent_mm(solid, np.linalg.eigh(solid.covariance_mm2)[1][:, -1])


def extent_mm(solid: Region, direction: NDArray[np.float64]) -> float:
    """Return the extent of a solid in a direction, a unit vector (3,)."""
    span = float(np.ptp(solid.surface_mm @ direction))
    ends = (direction, -direction)
    return span + sum(end_margin_mm(solid.surface_mm, end, solid.spacing_mm) for end in ends)
