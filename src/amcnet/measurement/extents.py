"""Length, width and thickness of a solid, however it lies in the grid."""

import numpy as np
from numpy.typing import NDArray

from amcnet.labelmaps.region import Region, extent_mm, principal_extents_mm

Vector = NDArray[np.float64]
Extents = tuple[float, float, float]

_ALIKE = 0.8  # ratio of two variances from which on their axes are not to be relied on
_NOISE = 0.75  # of a voxel: the smallest of many extents is that much smaller by chance
_RIGHT_ANGLE = np.pi / 2
_COARSE_STEPS = 12
_HALVINGS = 4  # to half a degree


def extents_mm(solid: Region) -> Extents:
    """Return (length, width, thickness), each at right angles to the others.

    They are the extents along the principal axes: the length along the axis of largest variance,
    then the larger and the smaller of the others. A round or a square section has variances that
    are alike, and axes that depend on how the solid lies in the grid. There the thickness is the
    smallest extent across the length, if that makes a difference of more than 3/4 of a voxel.
    """
    variances, axes = np.linalg.eigh(solid.covariance_mm2)
    principal = principal_extents_mm(solid)
    if variances[0] < _ALIKE * variances[1]:
        return principal
    flattest = _flattest_mm(solid, axes)
    noise_mm = _NOISE * float(solid.spacing_mm.max())
    return flattest if flattest[2] < principal[2] - noise_mm else principal


def _flattest_mm(solid: Region, axes: Vector) -> Extents:
    """Return the extents for the smallest thickness; axes are columns, that of the length last."""
    thickness_axis, width_axis, length_axis = axes.T

    def turned(angle: float) -> Vector:
        axis: Vector = np.cos(angle) * thickness_axis - np.sin(angle) * width_axis
        return axis

    step = _RIGHT_ANGLE / _COARSE_STEPS
    found = {angle: extent_mm(solid, turned(angle)) for angle in np.arange(_COARSE_STEPS) * step}
    for _ in range(_HALVINGS):
        step /= 2
        best = min(found, key=found.__getitem__)
        found |= {angle: extent_mm(solid, turned(angle)) for angle in (best - step, best + step)}
    best = min(found, key=found.__getitem__)
    cross = found[best], extent_mm(solid, turned(best + _RIGHT_ANGLE))
    return extent_mm(solid, length_axis), max(cross), min(cross)
