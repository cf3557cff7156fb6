"""A child's hand as solids in a volume: 38 labelled structures, soft tissue and wrist.

Coordinates are (scan, lateral, depth) in mm. The fingertips point to scan index 0, the back of
the hand to the probe at depth 0. Everything is built as a right hand (thumb at low lateral
coordinates); a left hand is its exact lateral mirror.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from amcnet.phantom.grid import Grid
from amcnet.phantom.growth import (
    ADULT_SIZE_MM,
    COMPLETE_AGE_YEARS,
    EPIPHYSIS_THICKNESS_RATIO,
    SEGMENTS,
    Segment,
    Sex,
    epiphysis_width_ratio,
    ossification_onset_years,
    relative_size,
)
from amcnet.phantom.solids import Capsule, Frame, LongBone, Vector

Side = Literal["left", "right"]

_SCAN_MARGIN_MM = 4.0
_LATERAL_MARGIN_MM = 4.0
_DEPTH_MARGIN_MM = 1.0
_DORSAL_TISSUE_MM = 5.0
_MIN_STANDOFF_MM = 5.0
_POSE_ATTEMPTS = 20


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
class BoneShape:
    """Sizes of one bone with its epiphysis, before it is posed."""

    length_mm: float
    half_width_mm: float
    half_thickness_mm: float
    flare: tuple[float, float]
    epiphysis_length_mm: float
    epiphysis_width_ratio: float
    plate_mm: float


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


def draw_hand(rng: Generator, grid: Grid) -> Hand:
    """Draw a hand whose 38 structures lie wholly inside a grid.

    Poses that do not fit are drawn again, gradually closer to the neutral pose; a hand that is
    too large for the grid in every pose is replaced by another one.
    """
    shapes_rng, pose_rng = rng.spawn(2)
    while True:
        person = _draw_person(shapes_rng)
        shapes = _draw_shapes(shapes_rng, *person[:2])
        for attempt in range(_POSE_ATTEMPTS):
            amplitude = 1 - 0.75 * attempt / _POSE_ATTEMPTS
            placed = _place(pose_rng, _pose(pose_rng, shapes, person, amplitude), grid)
            if placed is not None:
                return _mirror(placed, grid) if placed.parameters.side == "left" else placed


def _draw_person(rng: Generator) -> tuple[float, Sex, Side]:
    sex: Sex = "girl" if rng.random() < 0.5 else "boy"
    side: Side = "left" if rng.random() < 0.5 else "right"
    return float(rng.uniform(*COMPLETE_AGE_YEARS[sex])), sex, side


def _draw_shapes(rng: Generator, age: float, sex: Sex) -> dict[tuple[int, Segment], BoneShape]:
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


def _pose(
    rng: Generator,
    shapes: dict[tuple[int, Segment], BoneShape],
    person: tuple[float, Sex, Side],
    amplitude: float,
) -> Hand:
    size = shapes[3, "metacarpal"].length_mm / ADULT_SIZE_MM[3, "metacarpal"][0]
    age, sex, side = person
    parameters = HandParameters(
        age_years=age,
        sex=sex,
        side=side,
        size=size,
        flexion_deg=amplitude * rng.uniform(0, 12),
        spread_deg=amplitude * rng.uniform(-2, 5),
        thumb_abduction_deg=25 + amplitude * rng.uniform(0, 25),
        roll_deg=amplitude * rng.uniform(-8, 8),
        pitch_deg=amplitude * rng.uniform(-8, 8),
        standoff_mm=rng.uniform(8, 20),
    )
    builder = _Builder(parameters)
    for ray in range(1, 6):
        _add_ray(builder, rng, ray, shapes)
    _add_wrist(builder, rng)
    return builder.hand()


class _Builder:
    """Collects solids while a hand is posed."""

    def __init__(self, parameters: HandParameters) -> None:
        self.parameters = parameters
        roll, pitch = np.deg2rad(parameters.roll_deg), np.deg2rad(parameters.pitch_deg)
        about_scan = _rotation(0, roll)
        about_lateral = _rotation(1, pitch)
        self.rotation = about_lateral @ about_scan
        self.structures: dict[int, LongBone] = {}
        self.cartilage: list[LongBone] = []
        self.wrist: list[LongBone] = []
        self.tendons: list[Capsule] = []
        self.flesh: list[Capsule] = []

    def frame(self, origin: Vector, yaw: float, pitch: float, twist: float = 0.0) -> Frame:
        """Return the frame of a solid given in the hand's own axes (radians)."""
        # Distal is -scan, the thumb side of a right hand is -lateral, palmar is +depth.
        along = np.array(
            [-np.cos(pitch) * np.cos(yaw), -np.cos(pitch) * np.sin(yaw), np.sin(pitch)]
        )
        across = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        palmar = np.cross(along, across)
        palmar *= np.sign(palmar[2])
        turned = np.cos(twist) * across + np.sin(twist) * palmar
        down = np.cos(twist) * palmar - np.sin(twist) * across
        return Frame(*(self.rotation @ vector for vector in (origin, along, turned, down)))

    def hand(self) -> Hand:
        """Return what was collected."""
        return Hand(
            self.parameters,
            self.structures,
            tuple(self.cartilage),
            tuple(self.wrist),
            tuple(self.tendons),
            tuple(self.flesh),
        )


_METACARPAL_BASE = {  # (distal, towards the thumb, palmar) in mm of an adult hand
    1: (-3.0, 21.5, 9.5),
    2: (0.0, 15.8, 1.0),
    3: (0.0, 5.2, 0.0),
    4: (-2.0, -5.2, 0.8),
    5: (-4.5, -15.5, 2.8),
}


def _add_ray(
    builder: _Builder, rng: Generator, ray: int, shapes: dict[tuple[int, Segment], BoneShape]
) -> None:
    p = builder.parameters
    distal, radial, palmar = (value * p.size for value in _METACARPAL_BASE[ray])
    point = np.array([-distal, -radial, palmar])
    yaw, pitch, twist, abduction = _ray_angles(rng, ray, p)
    for segment in segments_of(ray):
        shape = shapes[ray, segment]
        frame = builder.frame(point, yaw, pitch, twist)
        _add_bone(builder, rng, (ray, segment), shape, frame)
        step = builder.frame(np.zeros(3), yaw, pitch).along
        gap = rng.uniform(0.6, 1.2)
        point = point + builder.rotation.T @ step * (shape.length_mm + gap)
        if segment == "metacarpal":
            yaw += abduction
        if ray > 1:
            pitch += np.deg2rad(p.flexion_deg * rng.uniform(0.4, 1.0))
        else:
            pitch += np.deg2rad(p.flexion_deg * rng.uniform(-0.3, 0.6))


def _ray_angles(rng: Generator, ray: int, p: HandParameters) -> tuple[float, float, float, float]:
    """Return yaw, pitch and twist of the metacarpal and the abduction at its head, in radians."""
    if ray == 1:
        angles = (
            p.thumb_abduction_deg,
            rng.uniform(2, 12),
            -rng.uniform(25, 55),
            rng.uniform(-10, 5),
        )
    else:
        fan = 5.2 * (3.3 - ray)
        abduction = p.spread_deg * (3.5 - ray) + rng.uniform(-1.5, 1.5)
        angles = (fan + rng.uniform(-1, 1), rng.uniform(-2, 2), rng.uniform(-6, 6), abduction)
    yaw, pitch, twist, abduction = np.deg2rad(angles)
    return float(yaw), float(pitch), float(twist), float(abduction)


def _add_bone(
    builder: _Builder, rng: Generator, key: tuple[int, Segment], shape: BoneShape, frame: Frame
) -> None:
    """Add a shaft, its epiphysis, cartilage, tendon and the flesh around them."""
    ray, segment = key
    bone_value, epiphysis_value = label_values(ray, segment)
    growth_at_head = segment == "metacarpal" and ray > 1
    end = 1 if growth_at_head else 0
    taken = shape.epiphysis_length_mm + shape.plate_mm
    shaft_length = shape.length_mm - taken
    joint_cap = 0.45 * shape.half_width_mm * shape.flare[1 - end] + 0.8
    caps = (joint_cap, 0.9) if growth_at_head else (0.9, joint_cap)
    shaft = LongBone(
        frame=frame if growth_at_head else _shifted(frame, taken),
        length_mm=shaft_length,
        half_width_mm=shape.half_width_mm,
        half_thickness_mm=shape.half_thickness_mm,
        flare=shape.flare,
        cap_mm=caps,
        bow_mm=float(rng.uniform(0, 0.02)) * shaft_length,
    )
    width = shape.half_width_mm * shape.flare[end]
    thickness = shape.half_thickness_mm * shape.flare[end]
    at = shape.length_mm - shape.epiphysis_length_mm if growth_at_head else 0.0
    epiphysis = LongBone(
        frame=_shifted(frame, at),
        length_mm=shape.epiphysis_length_mm,
        half_width_mm=width * shape.epiphysis_width_ratio,
        half_thickness_mm=thickness * shape.epiphysis_width_ratio,
        cap_mm=(shape.epiphysis_length_mm / 2,) * 2,
    )
    cartilage = LongBone(
        frame=_shifted(frame, shaft_length - 0.3 if growth_at_head else -0.3),
        length_mm=taken + 0.6,
        half_width_mm=width * 1.06,
        half_thickness_mm=thickness * 1.06,
        cap_mm=(1.2, 1.2),
    )
    builder.structures[bone_value] = shaft
    builder.structures[epiphysis_value] = epiphysis
    builder.cartilage.append(cartilage)
    _add_soft_tissue(builder, rng, segment, shape, frame)


def _add_soft_tissue(
    builder: _Builder, rng: Generator, segment: Segment, shape: BoneShape, frame: Frame
) -> None:
    size = builder.parameters.size
    if segment == "metacarpal":
        half_width, palmar_shift = 9.5 * size, 4.0 * size
        half_thickness = _DORSAL_TISSUE_MM * size + shape.half_thickness_mm + palmar_shift
    else:
        finger = {"proximal phalanx": 8.0, "middle phalanx": 7.4, "distal phalanx": 6.6}[segment]
        half_width = finger * size * rng.uniform(0.94, 1.06) + 0.6
        half_thickness, palmar_shift = half_width * 0.95, 1.6 * size
    builder.flesh.append(
        Capsule(_raised(frame, -palmar_shift), shape.length_mm, half_width, half_thickness)
    )
    if segment != "distal phalanx":
        height = shape.half_thickness_mm * 1.35 + 1.1 * size
        builder.tendons.append(
            Capsule(
                _raised(frame, height), shape.length_mm, rng.uniform(1.6, 2.4) * size, 0.8 * size
            )
        )


def _add_wrist(builder: _Builder, rng: Generator) -> None:
    """Add carpals and the ends of radius and ulna, unlabelled, and the flesh around them."""
    size = builder.parameters.size
    for row, (proximal, lateral_mm) in enumerate(
        ((7.0, (14.0, 5.0, -5.0, -14.0)), (19.0, (12.0, 2.0, -8.0, -15.0)))
    ):
        for lateral in lateral_mm:
            origin = np.array([proximal * size, -lateral * size, (2.0 + row) * size])
            radius = rng.uniform(4.3, 5.3) * size
            frame = builder.frame(origin + np.array([radius, 0, 0]), 0.0, 0.0)
            builder.wrist.append(
                LongBone(frame, 2 * radius, radius * 0.95, radius * 0.9, cap_mm=(radius, radius))
            )
    for lateral, half_width in ((8.0, 9.5), (-13.0, 5.5)):
        frame = builder.frame(np.array([66.0 * size, -lateral * size, 4.0 * size]), 0.0, 0.0)
        builder.wrist.append(
            LongBone(frame, 40 * size, half_width * size * 0.7, 6.0 * size, (1.0, 1.35), (2.0, 3.0))
        )
    frame = builder.frame(np.array([70.0 * size, 0.0, 6.0 * size]), 0.0, 0.0)
    builder.flesh.append(Capsule(frame, 66 * size, 24 * size, 14 * size))


def _place(rng: Generator, hand: Hand, grid: Grid) -> Hand | None:
    """Shift a hand into the grid, or return None where it does not fit."""
    bounds = [solid.bounds_mm(0.0) for solid in hand.structures.values()]
    low = np.min([b[0] for b in bounds], axis=0)
    high = np.max([b[1] for b in bounds], axis=0)
    top = low[2] - _DORSAL_TISSUE_MM * hand.parameters.size
    extent = np.array(grid.extent_mm)
    margin = np.array([_SCAN_MARGIN_MM, _LATERAL_MARGIN_MM, _DEPTH_MARGIN_MM])
    room = extent - 2 * margin - (high - low)
    deepest_standoff = extent[2] - margin[2] - (high[2] - top)
    if room[0] < 0 or room[1] < 0 or deepest_standoff < _MIN_STANDOFF_MM:
        return None
    standoff = min(hand.parameters.standoff_mm, deepest_standoff)
    shift = margin - low
    # Most hands lie so that some of the wrist is seen: little is left free at the fingertips.
    shift[0] += room[0] * rng.uniform(0, 0.6)
    shift[1] += room[1] * rng.uniform(0.2, 0.8)
    shift[2] = standoff - top
    moved = _transformed(hand, lambda frame: replace(frame, origin_mm=frame.origin_mm + shift))
    return replace(moved, parameters=replace(hand.parameters, standoff_mm=float(standoff)))


def _mirror(hand: Hand, grid: Grid) -> Hand:
    sign = np.array([1.0, -1.0, 1.0])
    offset = np.array([0.0, grid.extent_mm[1], 0.0])

    def mirrored(frame: Frame) -> Frame:
        return Frame(
            sign * frame.origin_mm + offset,
            sign * frame.along,
            sign * frame.across,
            sign * frame.palmar,
        )

    return _transformed(hand, mirrored)


def _transformed(hand: Hand, move: Callable[[Frame], Frame]) -> Hand:
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


def _shifted(frame: Frame, along_mm: float) -> Frame:
    return replace(frame, origin_mm=frame.at(along_mm))


def _raised(frame: Frame, dorsal_mm: float) -> Frame:
    return replace(frame, origin_mm=frame.origin_mm - dorsal_mm * frame.palmar)


def _rotation(axis: int, angle: float) -> Vector:
    """Return the 3 x 3 rotation about one axis (radians)."""
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = cos
    matrix[i, j], matrix[j, i] = -sin, sin
    return matrix
