"""How big a hand is at which age, and which epiphyses have ossified.

Adult lengths and mid-shaft sizes come from the meshes of OpenSim's arm model (CC BY 3.0); growth
and ossification follow approximate population tables.
"""

from typing import Literal

import numpy as np

Sex = Literal["boy", "girl"]
RaySegment = Literal["metacarpal", "proximal phalanx", "middle phalanx", "distal phalanx"]
BoneKey = tuple[int, RaySegment]
"""Ray, from 1 (thumb) to 5, and segment: identifies a bone of the hand."""

EpiphysisState = Literal["not ossified", "ossified", "fused"]

SEGMENTS: tuple[RaySegment, ...] = (
    "metacarpal",
    "proximal phalanx",
    "middle phalanx",
    "distal phalanx",
)

ADULT_SIZE_MM: dict[tuple[int, RaySegment], tuple[float, float, float]] = {
    (1, "metacarpal"): (45.8, 9.2, 8.8),
    (1, "proximal phalanx"): (30.1, 8.0, 6.7),
    (1, "distal phalanx"): (18.9, 5.7, 4.8),
    (2, "metacarpal"): (66.1, 8.6, 7.6),
    (2, "proximal phalanx"): (40.8, 9.4, 5.9),
    (2, "middle phalanx"): (23.8, 7.0, 3.9),
    (2, "distal phalanx"): (15.7, 4.0, 3.3),
    (3, "metacarpal"): (64.3, 8.3, 8.0),
    (3, "proximal phalanx"): (42.7, 9.2, 5.8),
    (3, "middle phalanx"): (28.3, 7.4, 4.7),
    (3, "distal phalanx"): (16.9, 4.3, 3.5),
    (4, "metacarpal"): (60.7, 7.1, 6.7),
    (4, "proximal phalanx"): (38.1, 8.5, 5.5),
    (4, "middle phalanx"): (24.0, 6.6, 4.4),
    (4, "distal phalanx"): (17.0, 4.1, 3.1),
    (5, "metacarpal"): (54.6, 7.0, 7.5),
    (5, "proximal phalanx"): (34.3, 7.8, 5.3),
    (5, "middle phalanx"): (20.0, 6.9, 4.0),
    (5, "distal phalanx"): (14.8, 4.1, 2.5),
}
"""(ray, segment) -> adult length, mid-shaft width and thickness; ray 1 is the thumb."""

EPIPHYSIS_THICKNESS_RATIO: dict[RaySegment, float] = {
    "metacarpal": 0.126,
    "proximal phalanx": 0.08,
    "middle phalanx": 0.11,
    "distal phalanx": 0.12,
}
"""Thickness of the epiphysis along the bone, relative to the length of the bone."""

COMPLETE_AGE_YEARS: dict[Sex, tuple[float, float]] = {"girl": (4.0, 13.0), "boy": (4.0, 15.0)}
"""Ages at which all 38 structures exist."""

_SEX_FACTOR: dict[Sex, float] = {"boy": 1.05, "girl": 0.97}
_AGES = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0)
_GROWTH: dict[Sex, tuple[float, ...]] = {
    "boy": (0.48, 0.59, 0.66, 0.73, 0.79, 0.85, 0.93, 0.985),
    "girl": (0.52, 0.63, 0.71, 0.78, 0.855, 0.93, 0.98, 1.0),
}
_CARPAL_ONSET = {  # years, boys and girls
    "capitate": (0.3, 0.2),
    "hamate": (0.4, 0.3),
    "triquetrum": (2.4, 1.8),
    "lunate": (4.0, 3.2),
    "trapezium": (5.8, 4.3),
    "trapezoid": (6.0, 4.5),
    "scaphoid": (5.7, 4.4),
    "pisiform": (11.0, 9.0),
}


def relative_size(age_years: float, sex: Sex) -> float:
    """Return the expected bone length relative to the adult table of both sexes."""
    return _SEX_FACTOR[sex] * float(np.interp(age_years, _AGES, _GROWTH[sex]))


def ossification_onset_years(ray: int, segment: RaySegment, sex: Sex) -> float:
    """Return the age at which the epiphysis of a bone starts to ossify."""
    boys, girls = _onset_boys_girls(ray, segment)
    return boys if sex == "boy" else girls


def fusion_years(ray: int, segment: RaySegment, sex: Sex) -> float:
    """Return the age at which the epiphysis of a bone fuses with its shaft."""
    first = 15.5 if sex == "boy" else 13.5
    if segment == "metacarpal":
        return first + (1.0 if ray == 1 else 1.5)
    return first + {"distal phalanx": 0.0, "proximal phalanx": 1.0, "middle phalanx": 1.25}[segment]


def epiphysis_state(age_years: float, ray: int, segment: RaySegment, sex: Sex) -> EpiphysisState:
    """Return whether the epiphysis of a bone is a structure of its own at an age."""
    if age_years < ossification_onset_years(ray, segment, sex):
        return "not ossified"
    return "fused" if age_years >= fusion_years(ray, segment, sex) else "ossified"


def carpals_ossified(age_years: float, sex: Sex) -> dict[str, float]:
    """Return the carpal bones that have ossified, and their size relative to the grown bone."""
    index = 0 if sex == "boy" else 1
    return {
        name: float(np.interp(age_years, (onset[index], onset[index] + 7), (0.45, 1.0)))
        for name, onset in _CARPAL_ONSET.items()
        if age_years >= onset[index]
    }


def epiphysis_width_ratio(age_years: float, onset_years: float) -> float:
    """Return the width of an epiphysis relative to the metaphysis that it sits on."""
    ages = (onset_years, onset_years + 1.0, 5.75, 10.5)
    return float(np.interp(age_years, ages, (0.3, 0.5, 0.75, 1.0)))


def _onset_boys_girls(ray: int, segment: RaySegment) -> tuple[float, float]:
    if segment == "metacarpal":
        return (2.6, 1.6) if ray == 1 else (1.6 + 0.2 * (ray - 2), 1.1 + 0.1 * (ray - 2))
    if segment == "proximal phalanx":
        return {1: (3.0, 1.7), 5: (1.75, 1.2)}.get(ray, (1.4, 0.85))
    if segment == "middle phalanx":
        return (3.4, 1.9) if ray == 5 else (2.1, 1.3)
    return {1: (1.6, 1.0), 2: (3.2, 1.9), 5: (3.2, 1.9)}.get(ray, (2.4, 1.5))
