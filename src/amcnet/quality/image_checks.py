"""Check whether an image can be an ultrasound volume."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.quality.findings import Finding, Severity

# Neighbouring voxels of speckle are correlated, since the beam is wider than a voxel; those of
# noise are not.
_LEAST_CORRELATION = 0.3
_MOST_PLANES = 24


def image_findings(image: NDArray[Any]) -> list[Finding]:
    """Return findings if an image cannot be an ultrasound volume.

    Args:
        image: Intensities, (scan, lateral, depth), any real dtype.
    """
    if not image.size or float(image.min()) == float(image.max()):
        return [_bad("the image is empty or constant")]
    step = max(1, image.shape[0] // _MOST_PLANES)
    planes = np.nan_to_num(image[::step].astype(np.float32))
    best = max(_correlation(planes, axis) for axis in (1, 2))
    if best < _LEAST_CORRELATION:
        return [_bad(f"the image is noise: neighbouring voxels have a correlation of {best:.2f}")]
    return []


def _correlation(planes: NDArray[np.float32], axis: int) -> float:
    """Return the correlation of neighbours along an axis, 0 for a constant image."""
    if planes.shape[axis] < 2:
        return 0.0
    one = planes.take(np.arange(planes.shape[axis] - 1), axis).ravel()
    other = planes.take(np.arange(1, planes.shape[axis]), axis).ravel()
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale > 0 else 0.0


def _bad(message: str) -> Finding:
    return Finding("image", Severity.BAD, (), message)
