"""Why labels of a hand do not look like one: causes visible in grid and image, with remedies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Extent of a hand scan in (scan, lateral, depth), mm: one whole hand in a water bath.
_TYPICAL_MM = (170.0, 133.0, 45.0)
_SMALLEST_MM, _LARGEST_MM = 60.0, 320.0  # of the longest side; toddlers have hands of 100 mm
_DEEPEST_MM = 90.0  # of the depth axis; ultrasound of this frequency reaches about 60 mm
_BRIGHT = 0.6  # of the range: water and shadow keep the median of a scan below 0.2
_SHARPER = 1.15  # ratio of the steepest changes; about 1.5 for a scan in its right direction
_MOST_PLANES = 48
_REMEDY = "pass the voxel size in mm with --spacing SCAN,LATERAL,DEPTH"

PLACEHOLDER_SPACING = f"The voxel size is 1 x 1 x 1 mm, often a placeholder: {_REMEDY}."


def grid_causes(shape: Sequence[int], spacing_mm: Sequence[float]) -> tuple[str, ...]:
    """Return the faults of a grid that should contain a hand, one sentence each.

    Args:
        shape: Voxels along (scan, lateral, depth).
        spacing_mm: Voxel size in the same order.

    Example:
        >>> grid_causes((609, 1023, 512), (0.279, 0.130, 0.088))
        ()
        >>> grid_causes((609, 1023, 512), (0.0279, 0.013, 0.0088))[0][:42]
        'The volume measures 17 x 13 x 4.5 mm, a ha'
    """
    extent_mm = [n * float(mm) for n, mm in zip(shape, spacing_mm, strict=True)]
    longest_mm = max(extent_mm)
    measures = (
        f"The volume measures {_listed(extent_mm)} mm, a hand about {_listed(_TYPICAL_MM)} mm"
    )
    if all(float(mm) == 1.0 for mm in spacing_mm) and longest_mm > _LARGEST_MM:
        return (PLACEHOLDER_SPACING,)
    for factor, unit in ((10.0, "cm"), (1000.0, "m")):
        if _SMALLEST_MM <= factor * longest_mm <= _LARGEST_MM and longest_mm < _SMALLEST_MM / 2:
            return (f"{measures}: the voxel size looks like {unit} instead of mm; {_REMEDY}.",)
    if not _SMALLEST_MM <= longest_mm <= _LARGEST_MM:
        return (f"{measures}: {_REMEDY}.",)
    if extent_mm[2] > _DEEPEST_MM:
        return (
            f"The depth axis measures {extent_mm[2]:.0f} mm, ultrasound of a hand at most "
            f"{_DEEPEST_MM:.0f} mm: axes may be exchanged; pass their order with --axes, such as "
            "--axes lateral,depth,scan.",
        )
    return ()


def image_causes(image: NDArray[Any]) -> tuple[str, ...]:
    """Return why the image of a hand may not be recognised, one sentence each.

    Return reasons visible in the image why a hand may not be recognised, one sentence each.
        image: Intensities, (scan, lateral, depth), any real dtype.

    Example:
        >>> water = np.zeros((8, 8, 40))
        >>> water[:, :, 20:26], water[:, :, 26:] = 200, np.linspace(150, 0, 14)
        >>> image_causes(water)
        ()
        >>> image_causes(200 - water)[0][:24]
        'Intensities look inverte'
        >>> image_causes(water[:, :, ::-1])[0][:23]
        'Depth looks reversed: t'
    """
    planes = image[:: max(1, len(image) // _MOST_PLANES)].astype(np.float32)
    finite = planes[np.isfinite(planes)]
    if not finite.size or planes.shape[-1] < 8:
        return ()
    low, middle, high = (float(value) for value in np.percentile(finite, (1, 50, 99.5)))
    if high <= low:
        return ()
    if middle > low + _BRIGHT * (high - low):
        return ("Intensities look inverted: most of the volume is bright, expected dark water.",)
    rise, fall = _steepest(np.nan_to_num(planes, nan=low))
    if fall > _SHARPER * rise:
        return (
            "Depth looks reversed: the skin faces the far side, expected the probe side at depth "
            "index 0; reverse it with --axes, such as --axes=-depth,lateral,scan.",
        )
    return ()


def _steepest(planes: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean steepest rise and fall along depth of the columns with a strong edge.

    The skin is a sharp rise from the water; deeper tissue fades into shadow.
    """
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(planes, 5, axis=2)
    change = smooth[..., 4:] - smooth[..., :-4]
    rise, fall = change.max(axis=2), -change.min(axis=2)
    strong = np.maximum(rise, fall)
    chosen = strong >= np.percentile(strong, 60)
    return float(rise[chosen].mean()), float(fall[chosen].mean())


def _listed(extent_mm: Sequence[float]) -> str:
    return " x ".join(f"{mm:.0f}" if mm >= 10 else f"{mm:.2g}" for mm in extent_mm)
