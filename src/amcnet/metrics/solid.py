"""One labelled structure as a solid of voxels: its surface, its moments and its extents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Box = tuple[slice, ...]

# Mean depth of the outermost of n lattice points under a rounded tip, in units of the depth that
# holds n of them: Gamma(3/2), because the number of points grows with the square of the depth.
_TIP_DEPTH = 0.8862


@dataclass(frozen=True)
class Solid:
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


def crop_solid(labels: Labels, value: int, box: Box, spacing_mm: NDArray[np.float64]) -> Solid:
    """Read one label out of a volume.

    Args:
        labels: Integer labels, (scan, lateral, depth).
        value: Which label; at least one voxel of it lies in the box.
        box: Its bounding box, as ``scipy.ndimage.find_objects`` returns it.
        spacing_mm: Voxel size, (3,).
    """
    from scipy.ndimage import binary_erosion

    mask = labels[box] == value
    origin_mm = np.array([part.start for part in box]) * spacing_mm
    # Outside the box counts as background, so voxels at the box's faces are surface voxels.
    surface = np.argwhere(mask & ~binary_erosion(mask)) * spacing_mm
    voxels, mean, covariance = _index_moments(mask)
    return Solid(
        voxels=voxels,
        centroid_mm=origin_mm + mean * spacing_mm,
        # The last term is the variance within a voxel: one voxel alone has principal axes too.
        covariance_mm2=covariance * np.outer(spacing_mm, spacing_mm) + np.diag(spacing_mm**2 / 12),
        surface_mm=origin_mm + surface,
        spacing_mm=spacing_mm,
    )


def _index_moments(
    mask: NDArray[np.bool_],
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Return the number, mean index (3,) and index covariance (3, 3) of a mask's voxels.

    Moments of second order need only the counts along pairs of axes, which are much quicker to
    get than a list of all voxels.
    """
    by_pair = {
        (0, 1): np.count_nonzero(mask, axis=2),
        (0, 2): np.count_nonzero(mask, axis=1),
        (1, 2): np.count_nonzero(mask, axis=0),
    }
    by_axis = [by_pair[0, 1].sum(axis=1), by_pair[0, 1].sum(axis=0), by_pair[0, 2].sum(axis=0)]
    voxels = int(by_axis[0].sum())
    index = [np.arange(length) for length in mask.shape]
    mean = np.array([index[axis] @ by_axis[axis] / voxels for axis in range(3)])
    offset = [index[axis] - mean[axis] for axis in range(3)]
    covariance = np.diag([offset[axis] ** 2 @ by_axis[axis] / voxels for axis in range(3)])
    for (first, second), counts in by_pair.items():
        value = offset[first] @ counts @ offset[second] / voxels
        covariance[first, second] = covariance[second, first] = value
    return voxels, mean, covariance


def principal_extents_mm(solid: Solid) -> tuple[float, float, float]:
    """Return (length, width, thickness) along the principal axes.

    Length is the extent along the axis of largest variance, width and thickness are the larger
    and the smaller of the other two. A box of n voxels along an image axis measures n * spacing.
    An oblique solid is typically right to half a voxel, at worst (pointed ends) to about one; see
    :func:`_end_margin_mm`.
    """
    centred = solid.surface_mm - solid.centroid_mm
    _, axes = np.linalg.eigh(solid.covariance_mm2)
    extents = []
    for axis in axes.T[::-1]:
        position = centred @ axis
        voxel_extent = float(np.sqrt(np.sum((axis * solid.spacing_mm) ** 2)))
        margins = _end_margin_mm(position, voxel_extent) + _end_margin_mm(-position, voxel_extent)
        extents.append(float(np.ptp(position)) + margins)
    length, *cross = extents
    return length, max(cross), min(cross)


def _end_margin_mm(position_mm: NDArray[np.float64], voxel_extent_mm: float) -> float:
    """Estimate how far a solid reaches beyond the centre of its outermost voxel, at the low end.

    Half a voxel if the end is a plane of the lattice, but nearly nothing for an oblique plane,
    whose voxel centres come arbitrarily close to it: adding half a voxel there makes every
    oblique bone one voxel too long. The mean offset of the voxels in the outermost layer tells
    the two apart. A rounded tip holds few voxels, so its point lies beyond the outermost one.
    """
    offset = position_mm - position_mm.min()
    layer = offset[offset < voxel_extent_mm * (1 - 1e-6)]
    flat_end = voxel_extent_mm / 2 - float(layer.mean())
    tip_depth = _TIP_DEPTH / np.sqrt(len(layer))
    rounded_end = voxel_extent_mm * tip_depth / (1 - tip_depth)
    return float(np.clip(max(flat_end, rounded_end), 0.0, voxel_extent_mm / 2))
