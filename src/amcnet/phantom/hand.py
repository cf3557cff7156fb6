"""A child's hand as solids in a volume: 38 labelled structures, soft tissue and wrist.

Coordinates are (scan, lateral, depth) in mm. The fingertips point to scan index 0, the back of
the hand to the probe at depth 0. Everything is built as a right hand (thumb at low lateral
coordinates); a left hand is its exact lateral mirror.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amcnet.phantom.grid import Grid
from amcnet.phantom.growth import ADULT_SIZE_MM, SEGMENTS, Segment, Sex
from amcnet.phantom.solids import Capsule, Frame, LongBone

Side = Literal["left", "right"]


@dataclass(frozen=True)
class HandParameters:
    """Everything that was drawn for one hand, in years, mm and degrees."""

    age_years: float
    sex: Sex
    side: Side
    size: float
    flexion_deg: float
    spread_deg: float
    thumb_abduction_deg: float
    roll_deg: float
    pitch_deg: float
    standoff_mm: float


@dataclass(frozen=True)
class Hand:
    """A posed hand.

    Attributes:
        parameters: What was drawn.
        structures: Label value -> solid, all 38.
        cartilage: Unossified ends around the epiphyses.
        wrist: Unlabelled bones at the proximal border.
        tendons: Extensor tendons on the back of the bones.
        flesh: Soft tissue; the skin is the smooth union of these.
    """

    parameters: HandParameters
    structures: dict[int, LongBone]
    cartilage: tuple[LongBone, ...]
    wrist: tuple[LongBone, ...]
    tendons: tuple[Capsule, ...]
    flesh: tuple[Capsule, ...]


def segments_of(ray: int) -> tuple[Segment, ...]:
    """Return the bones of a ray from proximal to distal; the thumb (1) has no middle phalanx."""
    return tuple(segment for segment in SEGMENTS if (ray, segment) in ADULT_SIZE_MM)


def label_values(ray: int, segment: Segment) -> tuple[int, int]:
    """Return the label values of a bone and of its epiphysis (table order of the package)."""
    first = 1 if ray == 1 else 7 + 8 * (ray - 2)
    position = list(reversed(segments_of(ray))).index(segment)
    if segment == "metacarpal" and ray > 1:
        return first + 2 * position + 1, first + 2 * position
    return first + 2 * position, first + 2 * position + 1


def mirror(hand: Hand, grid: Grid) -> Hand:
    """Return the lateral mirror of a hand in a grid: the other side."""
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

    def bones(solids: tuple[LongBone, ...]) -> tuple[LongBone, ...]:
        return tuple(replace(solid, frame=move(solid.frame)) for solid in solids)

    def tubes(solids: tuple[Capsule, ...]) -> tuple[Capsule, ...]:
        return tuple(replace(solid, frame=move(solid.frame)) for solid in solids)

    return Hand(
        parameters=hand.parameters,
        structures={
            value: replace(solid, frame=move(solid.frame))
            for value, solid in hand.structures.items()
        },
        cartilage=bones(hand.cartilage),
        wrist=bones(hand.wrist),
        tendons=tubes(hand.tendons),
        flesh=tubes(hand.flesh),
    )
