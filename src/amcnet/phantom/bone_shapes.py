"""How large and how flared the bones of one hand are, before they are posed."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from amcnet.phantom.growth import (
    ADULT_SIZE_MM,
    EPIPHYSIS_THICKNESS_RATIO,
    Segment,
    Sex,
    epiphysis_width_ratio,
    ossification_onset_years,
    relative_size,
)

BoneKey = tuple[int, Segment]


@dataclass(frozen=True)
class BoneShape:
    """Sizes of one bone with its epiphysis, before it is posed."""

    length_mm: float
    half_width_mm: float
    half_thickness_mm: float
    flare: tuple[float, float]
    epiphysis_length_mm: float
    epiphysis_width_ratio: float
    plate_mm: float


def draw_shapes(rng: Generator, age: float, sex: Sex) -> dict[BoneKey, BoneShape]:
    """Draw the 19 bones of a hand, by (ray, segment)."""
    hand_factor = relative_size(age, sex) * rng.normal(1, 0.05)
    slenderness = rng.normal(1, 0.06)
    shapes = {}
    for (ray, segment), (length, width, thickness) in ADULT_SIZE_MM.items():
        factor = hand_factor * np.clip(rng.normal(1, 0.025), 0.93, 1.07)
        ossified = epiphysis_width_ratio(age, ossification_onset_years(ray, segment, sex))
        ratio = EPIPHYSIS_THICKNESS_RATIO[segment] * np.clip(rng.normal(1, 0.08), 0.8, 1.2)
        shapes[ray, segment] = BoneShape(
            length_mm=length * factor,
            half_width_mm=width / 2 * factor * slenderness,
            half_thickness_mm=thickness / 2 * factor * slenderness,
            flare=_draw_flare(rng, ray, segment),
            epiphysis_length_mm=max(1.1, ratio * length * factor),
            epiphysis_width_ratio=ossified * np.clip(rng.normal(1, 0.05), 0.9, 1.1),
            plate_mm=rng.uniform(0.8, 1.2),
        )
    return shapes


def _draw_flare(rng: Generator, ray: int, segment: Segment) -> tuple[float, float]:
    """Return how much wider than the middle the (proximal, distal) end is."""
    if segment == "metacarpal" and ray > 1:
        # The bases of metacarpals 2-5 stand side by side and leave no room to flare.
        return rng.uniform(1.05, 1.2), rng.uniform(1.45, 1.65)
    if segment == "distal phalanx":
        return rng.uniform(1.6, 2.0), rng.uniform(1.15, 1.45)
    return rng.uniform(1.45, 1.7), rng.uniform(1.25, 1.5)
