"""Intensity windows derived from the volume, because ultrasound has no fixed scale."""

from dataclasses import dataclass

import numpy as np

from amcnet.viewer.display_grid import DisplayImage

_PERCENT = {"Automatic": (1.0, 99.5), "Soft tissue": (1.0, 90.0), "Bone": (75.0, 99.9)}


@dataclass(frozen=True)
class IntensityWindow:
    """An intensity window: black at ``low`` and below, white at ``high`` and above.

    Attributes:
        name: Name in the list.
        low: Lower intensity.
        high: Upper intensity, greater than ``low``.
    """

    name: str
    low: float
    high: float


def window_presets(image: DisplayImage) -> tuple[IntensityWindow, ...]:
    """Return the full range and windows by percentiles of the voxels above the minimum."""
    full = IntensityWindow("Full range", *image.range)
    seen = image.voxels[image.voxels > 0]
    if not seen.size:
        return (full,)
    presets = [full]
    for name, percent in _PERCENT.items():
        low, high = (float(value) for value in np.percentile(seen, percent))
        high = max(high, low + 1)
        presets.append(
            IntensityWindow(name, *(image.intercept + image.slope * value for value in (low, high)))
        )
    return tuple(presets)
