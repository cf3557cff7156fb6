"""A child's hand as solids in a volume: labelled structures, soft tissue and wrist.

Coordinates are (scan, lateral, depth) in mm. The fingertips point to scan index 0, the back of
the hand to the probe at depth 0. Everything is built as a right hand (thumb at low lateral
coordinates); a left hand is its exact lateral mirror.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amcnet.anatomy import label_values
from amcnet.anatomy.growth import ADULT_SIZE_MM, SEGMENTS, RaySegment, Sex
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.long_bone import LongBone
from amcnet.phantom.solids import Capsule, Frame

__all__ = ["Hand", "HandParameters", "Side", "label_values", "mirror", "segments_of"]

Side = Literal["left", "right"]


@dataclass(frozen=True)
class HandParameters:
    """Everything that was drawn for one hand, in years, mm and degrees.

    Attributes:
        age_years: Age.
        sex: ``boy`` or ``girl``.
        side: ``left`` or ``right``.
        skeletal_shift_years: Skeletal age minus chronological age.
        size: Size relative to an adult hand.
        size_factor: Size relative to the average hand of the age.
        slenderness: Width of bones relative to the average.
        chubbiness: Thickness of soft tissue relative to the average adult's.
        web_mm: Length of the palm's skin over the roots of the fingers.
        flexion_deg: Flexion of the fingers, per joint.
        spread_deg: Spread of the fingers.
        thumb_abduction_deg: Abduction of the thumb's metacarpal.
        palm_arch_deg: Lowering of the fifth metacarpal.
        roll_deg, pitch_deg, yaw_deg: Rotation of the whole hand.
        joint_flexion_deg: Name of a bone -> flexion at its proximal joint.
        standoff_mm: Water above the skin.
        rare_cases: Rare cases that this hand shows.
        absent: Absent structure -> reason.
        cut: Structures that the border of the volume cuts.
    """

    age_years: float
    sex: Sex
    side: Side
    skeletal_shift_years: float
    size: float
    size_factor: float
    slenderness: float
    chubbiness: float
    web_mm: float
    flexion_deg: float
    spread_deg: float
    thumb_abduction_deg: float
    palm_arch_deg: float
    roll_deg: float
    pitch_deg: float
    yaw_deg: float
    joint_flexion_deg: dict[str, float]
    standoff_mm: float
    rare_cases: tuple[str, ...]
    absent: dict[str, str]
    cut: tuple[str, ...]


@dataclass(frozen=True)
class Hand:
    """A posed hand.

    Attributes:
        parameters: The drawn parameters.
        structures: Label value -> solid, for structures that exist and lie in the volume.
        cartilage: Unossified ends with growth plates, and the articular layers.
        wrist: Unlabelled bones at the proximal border.
        tendons: Extensor tendons on the back of the bones.
        flesh: Soft tissue; the skin is its smooth union.
    """

    parameters: HandParameters
    structures: dict[int, LongBone]
    cartilage: tuple[LongBone, ...]
    wrist: tuple[LongBone, ...]
    tendons: tuple[Capsule, ...]
    flesh: tuple[Capsule, ...]


def segments_of(ray: int) -> tuple[RaySegment, ...]:
    """Return the bones of a ray from proximal to distal; the thumb (1) has no middle phalanx."""
    return tuple(segment for segment in SEGMENTS if (ray, segment) in ADULT_SIZE_MM)


def mirror(hand: Hand, grid: PhantomGrid) -> Hand:
    """Return the lateral mirror image of a hand in a grid: the other side."""
    sign = np.array([1.0, -1.0, 1.0])
    offset = np.array([0.0, grid.extent_mm[1], 0.0])

    def mirrored(frame: Frame) -> Frame:
        return Frame(
            sign * frame.origin_mm + offset,
            sign * frame.along,
            sign * frame.across,
            sign * frame.palmar,
        )

    return transform(hand, mirrored)


def transform(hand: Hand, move: Callable[[Frame], Frame]) -> Hand:
    """Return a hand with the frame of every solid replaced."""
    return replace(
        hand,
        structures={value: solid.moved(move) for value, solid in hand.structures.items()},
        cartilage=tuple(solid.moved(move) for solid in hand.cartilage),
        wrist=tuple(solid.moved(move) for solid in hand.wrist),
        tendons=tuple(solid.moved(move) for solid in hand.tendons),
        flesh=tuple(solid.moved(move) for solid in hand.flesh),
    )
