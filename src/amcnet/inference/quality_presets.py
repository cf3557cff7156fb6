"""Windows for the qualities fast, balanced and best; docs/inference-figures.md compares them."""

from collections.abc import Collection
from typing import Literal, get_args

from amcnet.errors import ConfigError
from amcnet.inference.sliding_windows import UNMOVED, IntTriple, Windows

Quality = Literal["fast", "balanced", "best"]

_OVERLAP = {"fast": 0.0, "balanced": 0.25, "best": 0.5}


def choose_windows(
    quality: Quality,
    slices: int,
    mirror_axes: Collection[str] = (),
    space_to_depth: IntTriple = (1, 1, 1),
) -> Windows:
    """Return the windows of a quality.

    The plane is never cropped or tiled: instance norm depends on the whole window, and cropping
    costs far more accuracy than any of these settings gains. A space-to-depth network is less
    certain of a boundary's position within a group of voxels, so it sees the same voxels at several
    positions within a group.

    Args:
        quality: ``fast``: windows do not overlap. ``balanced``: consecutive windows overlap by a
            quarter, and a space-to-depth network also averages a shift by half a group. ``best``:
            windows overlap by half, and the lateral mirror image and four shifts are averaged.
            Where the model knows both directions of the scan, every second shift sees the window
            reversed along the scan, which costs nothing and makes the result nearly independent of
            the direction.
        slices: Slices of a window.
        mirror_axes: Axes along which windows were mirrored in training; only these mirror images
            are used.
        space_to_depth: Space-to-depth factor of the network, (scan, lateral, depth).

    Raises:
        ConfigError: If the quality is unknown.
    """
    if quality not in _OVERLAP:
        known = ", ".join(get_args(Quality))
        raise ConfigError(f"quality: found '{quality}', expected one of {known}")
    scan, lateral, depth = (size // 2 for size in space_to_depth)
    places = {
        "fast": [UNMOVED],
        "balanced": [UNMOVED, (scan, lateral, depth)],
        "best": [UNMOVED, (scan, lateral, depth), (scan, 0, 0), (0, lateral, depth)],
    }
    shifts = tuple(dict.fromkeys(places[quality]))
    return Windows(
        slices,
        _OVERLAP[quality],
        mirror=quality == "best" and "lateral" in mirror_axes,
        shifts=shifts,
        alternate_scan="scan" in mirror_axes,
    )
