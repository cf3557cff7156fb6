"""Windows for the qualities fast, balanced and best; docs/inference-figures.md compares them."""

from typing import Literal, get_args

from amcnet.errors import ConfigError
from amcnet.inference.sliding_windows import UNMOVED, Triple, Windows

Quality = Literal["fast", "balanced", "best"]

_OVERLAP = {"fast": 0.0, "balanced": 0.25, "best": 0.5}


def choose_windows(
    quality: Quality, slices: int, mirrored: bool, space_to_depth: Triple = (1, 1, 1)
) -> Windows:
    """Return the windows of a quality.

    The plane is never cropped or cut into tiles: instance norm sees the whole window, and a crop
    costs far more accuracy than any of these choices gain. A network that works on groups of voxels
    is less sure where a boundary lies within a group, so it sees the same voxels at several places
    in one.

    Args:
        quality: ``fast``: windows side by side. ``balanced``: a quarter of each overlaps the next
            one, and where the network works on blocks the window moved by half a block is averaged
            in. ``best``: half of it overlaps, and the lateral mirror image and four places in a
            block are averaged.
        slices: Slices of a window.
        mirrored: Whether the model was trained on lateral mirror images; it is not shown any else.
        space_to_depth: Size of the groups of voxels that the network works on together.

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
    return Windows(slices, _OVERLAP[quality], mirror=quality == "best" and mirrored, shifts=shifts)
