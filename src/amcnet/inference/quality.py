"""How much work goes into a volume; what each step is worth is in docs/inference-figures.md."""

from typing import Literal, get_args

from amcnet.errors import ConfigError
from amcnet.inference.windows import Windows

Quality = Literal["fast", "balanced", "best"]

_OVERLAP = {"fast": 0.0, "balanced": 0.25, "best": 0.5}


def choose_windows(quality: Quality, slices: int, mirrored: bool) -> Windows:
    """Return the windows of a quality.

    The plane is never cropped or cut into tiles: instance norm sees the whole window, and a crop
    costs far more accuracy than any of these choices gain.

    Args:
        quality: ``fast``: windows side by side. ``balanced``: a quarter of each overlaps the next
            one. ``best``: half of it does, and the lateral mirror image is averaged in.
        slices: Slices of a window.
        mirrored: Whether the model was trained on lateral mirror images; it is not shown any else.

    Raises:
        ConfigError: If the quality is unknown.
    """
    if quality not in _OVERLAP:
        known = ", ".join(get_args(Quality))
        raise ConfigError(f"quality: found '{quality}', expected one of {known}")
    return Windows(slices, _OVERLAP[quality], mirror=quality == "best" and mirrored)
