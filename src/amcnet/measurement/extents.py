"""Length, width and thickness of a region in any orientation."""

import numpy as np
from numpy.typing import NDArray

from amcnet.labelmaps.region import Region, extent_mm, principal_extents_mm

_Vector = NDArray[np.float64]
Extents = tuple[float, float, float]

_ALIKE = 0.8  # ratio of two variances above which their axes are unreliable
_NOISE = 0.75  # of a voxel: the smallest of many extents is too small by this much, by chance
_RIGHT_ANGLE = np.pi / 2
_COARSE_STEPS = 12
_HALVINGS = 4  # to half a degree


def extents_mm(region: Region) -> Extents:
    """Return (length, width, thickness) in mm, at right angles to each other.

    They are extents along the principal axes: the length along the axis of largest variance, then
    the larger and the smaller of the others. A round or square section has nearly equal variances,
    so its axes depend on its orientation in the grid. In this case, the thickness is the smallest
    extent across the length, if it is smaller by more than 3/4 of a voxel.

    Example:
        >>> import numpy as np
        >>> from amcnet.labelmaps.region_finding import find_regions
        >>> (region,) = find_regions(np.ones((10, 4, 2), np.uint8), 2, np.array([1.0, 1.0, 1.0]))
        >>> [round(mm, 1) for mm in extents_mm(region)]
        [10.0, 4.0, 2.0]
    """
    variances, axes = np.linalg.eigh(region.covariance_mm2)
    principal = principal_extents_mm(region)
    if variances[0] < _ALIKE * variances[1]:
        return principal
    flattest = _flattest_mm(region, axes)
    noise_mm = _NOISE * float(region.spacing_mm.max())
    return flattest if flattest[2] < principal[2] - noise_mm else principal


def _flattest_mm(region: Region, axes: _Vector) -> Extents:
    """Return the extents for the smallest thickness; axes are columns, the length axis last."""
    thickness_axis, width_axis, length_axis = axes.T

    def turned(angle: float) -> _Vector:
        axis: _Vector = np.cos(angle) * thickness_axis - np.sin(angle) * width_axis
        return axis

    step = _RIGHT_ANGLE / _COARSE_STEPS
    found = {angle: extent_mm(region, turned(angle)) for angle in np.arange(_COARSE_STEPS) * step}
    for _ in range(_HALVINGS):
        step /= 2
        best = min(found, key=found.__getitem__)
        found |= {angle: extent_mm(region, turned(angle)) for angle in (best - step, best + step)}
    best = min(found, key=found.__getitem__)
    cross = found[best], extent_mm(region, turned(best + _RIGHT_ANGLE))
    return extent_mm(region, length_axis), max(cross), min(cross)
