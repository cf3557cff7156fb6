"""The soft parts of a posed hand: flesh under the skin, webs between fingers, tendons."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import BoneKey, RaySegment
from amcnet.phantom.bone_shapes import BoneShape
from amcnet.phantom.hand_anatomy import segments_of
from amcnet.phantom.solids import Capsule, Frame, Vector, tube

DORSAL_TISSUE_MM = 5.0
"""Dorsal thickness of the soft tissue over an adult's metacarpals."""

_FINGER_RADIUS_MM: dict[RaySegment, float] = {
    "proximal phalanx": 7.9,
    "middle phalanx": 7.3,
    "distal phalanx": 6.6,
}
_UNION_MM = 0.6  # the smooth union of neighbouring tubes lies about this far outside them


@dataclass(frozen=True)
class SoftTissue:
    """Amounts of soft tissue of a hand.

    Attributes:
        size: Size of the hand relative to an adult one.
        chubbiness: Thickness of soft tissue relative to the average adult's.
        web_mm: Length of the palm over the roots of the fingers.
        tendon_half_width_mm: Half the width of a tendon.
        tendon_half_thickness_mm: Half its thickness.
    """

    size: float
    chubbiness: float
    web_mm: float
    tendon_half_width_mm: float
    tendon_half_thickness_mm: float


def draw_soft_tissue(rng: Generator, age_years: float, size: float) -> SoftTissue:
    """Draw the amounts of soft tissue of a hand; young children have more."""
    baby_fat = float(np.interp(age_years, (2, 8), (0.18, 0.0)))
    return SoftTissue(
        size=size,
        chubbiness=float(rng.uniform(0.88, 1.15)) + baby_fat,
        web_mm=size * rng.uniform(8, 15),
        tendon_half_width_mm=size * rng.uniform(1.5, 2.4),
        tendon_half_thickness_mm=size * rng.uniform(0.45, 0.8),
    )


def flesh_of(
    rng: Generator, shapes: dict[BoneKey, BoneShape], frames: dict[BoneKey, Frame], soft: SoftTissue
) -> tuple[Capsule, ...]:
    """Return the flesh around the bones and the webs between the roots of the fingers."""
    flesh = []
    for (ray, segment), frame in frames.items():
        shape = shapes[ray, segment]
        if segment == "metacarpal":
            flesh.append(_palm(ray, shape, frame, soft))
            continue
        radius = _FINGER_RADIUS_MM[segment] * soft.size * soft.chubbiness
        radius *= rng.uniform(0.95, 1.05) * {1: 1.12, 5: 0.9}.get(ray, 1.0)
        radius -= _UNION_MM
        end = shape.length_mm
        if segment == "distal phalanx":
            end -= 0.6 * radius
        origin = frame.at(0, 0, 0.16 * radius)
        flesh.append(Capsule(frame.moved_to(origin), end, radius, 0.92 * radius))
    for ray in (2, 3, 4):
        near, far = frames[ray, "proximal phalanx"], frames[ray + 1, "proximal phalanx"]
        reach = soft.web_mm - 4 * soft.size
        palmar = 2.5 * soft.size
        flesh.append(
            tube(
                near.at(reach, 0, palmar),
                far.at(reach, 0, palmar),
                near.palmar,
                3.5 * soft.size,
                3.0 * soft.size * soft.chubbiness,
            )
        )
    return tuple(flesh)


def _palm(ray: int, shape: BoneShape, frame: Frame, soft: SoftTissue) -> Capsule:
    profile = shape.whole.profile
    middle = profile.index(0.5 * shape.length_mm)
    back = float(profile.dorsal_mm[middle] - profile.down_mm[middle])
    dorsal = DORSAL_TISSUE_MM * soft.size * soft.chubbiness + back
    palmar = dorsal + (7.0 if ray > 1 else 5.0) * soft.size
    half_width = (9.0 if ray > 1 else 9.5) * soft.size * (0.5 + 0.5 * soft.chubbiness)
    shift = (palmar - dorsal) / 2
    return Capsule(
        frame.moved_to(frame.at(0, 0, shift)), shape.length_mm, half_width, (palmar + dorsal) / 2
    )


def tendons_of(
    rng: Generator, shapes: dict[BoneKey, BoneShape], frames: dict[BoneKey, Frame], soft: SoftTissue
) -> tuple[Capsule, ...]:
    """Return the extensor tendons: from the wrist over the knuckles to the last joint but one."""
    tendons = []
    for ray in range(1, 6):
        sideways = rng.normal(0, 0.6) * soft.size
        path = _path_over(ray, shapes, frames, soft, sideways)
        root = frames[ray, "metacarpal"]
        towards_wrist = np.array([28.0, 0.0, 0.0]) * soft.size
        towards_wrist[1] = 0.55 * (frames[3, "metacarpal"].origin_mm - root.origin_mm)[1]
        path.insert(0, path[0] + towards_wrist)
        for start, end in itertools.pairwise(path):
            tendons.append(
                tube(
                    start,
                    end,
                    root.palmar,
                    soft.tendon_half_width_mm,
                    soft.tendon_half_thickness_mm,
                )
            )
    return tuple(tendons)


def _path_over(
    ray: int,
    shapes: dict[BoneKey, BoneShape],
    frames: dict[BoneKey, Frame],
    soft: SoftTissue,
    sideways_mm: float,
) -> list[Vector]:
    """Return points just above the backs of the bones that a tendon passes."""
    path = []
    for segment in segments_of(ray)[:-1]:
        profile = shapes[ray, segment].whole.profile
        for part in (0.08, 0.5, 0.94):
            index = profile.index(part * profile.length_mm)
            height = float(profile.dorsal_mm[index]) + soft.tendon_half_thickness_mm + 0.4
            path.append(
                frames[ray, segment].at(
                    part * profile.length_mm,
                    sideways_mm * (segment == "metacarpal"),
                    float(profile.down_mm[index]) - height,
                )
            )
    return path
