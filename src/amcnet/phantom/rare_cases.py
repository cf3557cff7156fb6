"""Rare cases of real scans: their occurrence in a hand and their effect on its position."""

from dataclasses import dataclass

from numpy.random import Generator

FIST_LIKE_THUMB = "fist-like thumb"
TOUCHING_FINGERS = "touching fingers"
FINGER_OUT_OF_VIEW = "finger out of view"
CROPPED_SCAN = "cropped scan"
DEEP_HAND = "deep hand"
SHALLOW_HAND = "shallow hand"

PROBABILITY = {
    FIST_LIKE_THUMB: 0.08,
    TOUCHING_FINGERS: 0.1,
    FINGER_OUT_OF_VIEW: 0.07,
    CROPPED_SCAN: 0.08,
    DEEP_HAND: 0.05,
    SHALLOW_HAND: 0.05,
}

STANDOFF_MM = {"": (8.0, 20.0), SHALLOW_HAND: (2.0, 6.0), DEEP_HAND: (20.0, 26.0)}
"""Depth of water above the skin: in usual scans, and in the cases that change it."""


@dataclass(frozen=True)
class Crop:
    """Extent of a hand beyond the borders of the volume.

    Attributes:
        fingertips_mm: Beyond the border at the fingertips.
        bases_mm: Beyond the border at the wrist.
        thumb_side_mm: Beyond the lateral border on the thumb's side.
        little_side_mm: Beyond the other lateral border.
    """

    fingertips_mm: float = 0.0
    bases_mm: float = 0.0
    thumb_side_mm: float = 0.0
    little_side_mm: float = 0.0

    @property
    def cuts_scan(self) -> bool:
        """Whether the hand extends beyond a border along the scan."""
        return self.fingertips_mm > 0 or self.bases_mm > 0

    @property
    def cuts_lateral(self) -> bool:
        """Whether the hand extends beyond a lateral border."""
        return self.thumb_side_mm > 0 or self.little_side_mm > 0


def draw_rare_cases(rng: Generator, wanted: bool) -> tuple[str, ...]:
    """Draw the rare cases of one hand; none unless requested."""
    chances = {name: rng.random() for name in PROBABILITY}
    drawn = [name for name, chance in chances.items() if wanted and chance < PROBABILITY[name]]
    # A thumb below the palm needs depth that a deep hand does not leave.
    if DEEP_HAND in drawn and (SHALLOW_HAND in drawn or FIST_LIKE_THUMB in drawn):
        drawn.remove(DEEP_HAND)
    return tuple(drawn)


def draw_crop(rng: Generator, rare_cases: tuple[str, ...], size: float) -> Crop:
    """Draw the shift of a hand out of the volume; the size is relative to an adult's."""
    scan, lateral = size * rng.uniform(5, 30), size * rng.uniform(5, 22)
    at_fingertips, on_thumb_side = rng.random(2) < 0.5
    crop = {}
    if CROPPED_SCAN in rare_cases:
        crop["fingertips_mm" if at_fingertips else "bases_mm"] = scan
    if FINGER_OUT_OF_VIEW in rare_cases:
        crop["thumb_side_mm" if on_thumb_side else "little_side_mm"] = lateral
    return Crop(**crop)


def standoff_kind(rare_cases: tuple[str, ...]) -> str:
    """Return the key of ``STANDOFF_MM`` that applies."""
    return next((name for name in (SHALLOW_HAND, DEEP_HAND) if name in rare_cases), "")
