"""From the sizes of bones to a posed hand: joint angles, soft tissue, wrist."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from amcnet.phantom.bone_shapes import BoneKey, BoneShape
from amcnet.phantom.growth import ADULT_SIZE_MM, Segment, Sex
from amcnet.phantom.hand import Hand, HandParameters, Side, label_values, segments_of
from amcnet.phantom.solids import Capsule, Frame, LongBone, Vector

DORSAL_TISSUE_MM = 5.0


def pose_hand(
    rng: Generator,
    shapes: dict[BoneKey, BoneShape],
    person: tuple[float, Sex, Side],
    amplitude: float,
) -> Hand:
    """Pose a right hand at the origin.

    Args:
        rng: Draws the pose.
        shapes: The bones.
        person: Age in years, sex and side.
        amplitude: How far from the neutral pose, 0 to 1.
    """
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


def _add_ray(builder: _Builder, rng: Generator, ray: int, shapes: dict[BoneKey, BoneShape]) -> None:
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
    builder: _Builder, rng: Generator, key: BoneKey, shape: BoneShape, frame: Frame
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
        half_thickness = DORSAL_TISSUE_MM * size + shape.half_thickness_mm + palmar_shift
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
