"""Pose the bones of a hand: joint angles along each finger, from the wrist.

Positions describe a right hand with its back up: fingers towards low scan coordinates, the thumb at
low lateral coordinates, the palm at high depth. The origin is at the base of the third metacarpal.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import BoneKey
from amcnet.phantom.bone_shapes import BoneShape
from amcnet.phantom.clearance import gap_mm
from amcnet.phantom.hand_anatomy import segments_of
from amcnet.phantom.rare_cases import FIST_LIKE_THUMB, TOUCHING_FINGERS
from amcnet.phantom.solids import Frame, Vector

_NEUTRAL = Frame(np.zeros(3), -np.eye(3)[0], np.eye(3)[1], np.eye(3)[2])
_METACARPAL_BASE = {  # (distal, towards the thumb, palmar) in mm of an adult hand
    1: (-5.0, 22.0, 8.5),
    2: (0.0, 11.0, 0.8),
    3: (0.0, 0.0, 0.0),
    4: (-2.0, -10.3, 0.8),
    5: (-4.5, -20.2, 2.6),
}
_FAN_DEG = 4.6
_JOINT_STEPS = 5


@dataclass(frozen=True)
class Pose:
    """Angles of one hand, in degrees.

    Attributes:
        flexion_deg: Mean flexion of the fingers, per joint.
        spread_deg: Spread of the fingers, per finger.
        thumb_abduction_deg: Abduction of the first metacarpal.
        palm_arch_deg: Lowering of the fifth metacarpal.
        turn_deg: Roll, pitch and yaw of the whole hand.
        metacarpal_deg: Ray -> (abduction, flexion, twist) of the metacarpal.
        joint_deg: (ray, segment) -> (flexion, abduction) at the joint that carries the segment.
        joint_gap_mm: (ray, segment) -> gap of that joint.
    """

    flexion_deg: float
    spread_deg: float
    thumb_abduction_deg: float
    palm_arch_deg: float
    turn_deg: tuple[float, float, float]
    metacarpal_deg: dict[int, tuple[float, float, float]]
    joint_deg: dict[BoneKey, tuple[float, float]]
    joint_gap_mm: dict[BoneKey, float]


def draw_pose(rng: Generator, amplitude: float, rare_cases: tuple[str, ...]) -> Pose:
    """Draw a pose.

    Args:
        rng: Source of randomness.
        amplitude: Deviation from the neutral pose, 0 to 1.
        rare_cases: Rare cases of the hand; a fist-like thumb and touching fingers change the pose.
    """
    fist = FIST_LIKE_THUMB in rare_cases
    touching = TOUCHING_FINGERS in rare_cases
    flexion = amplitude * rng.uniform(0, 12)
    spread = amplitude * rng.uniform(-1.5, 4)
    abduction = 25 + amplitude * rng.uniform(0, 25)
    arch = amplitude * rng.uniform(0, 8)
    turn = amplitude * rng.uniform(-1, 1, 3) * (8, 8, 6)
    lean_part = rng.uniform(0.8, 1.1)
    metacarpals = {
        ray: (
            _FAN_DEG * (3 - ray) + rng.uniform(-0.8, 0.8),
            arch * (0.0, 0.0, 0.45, 1.0)[ray - 2] + rng.uniform(-1.5, 1.5),
            rng.uniform(-4, 4) + (ray - 3) * arch * 0.8,
        )
        for ray in (2, 3, 4, 5)
    }
    metacarpals[1] = (abduction, rng.uniform(2, 12), -rng.uniform(35, 60))
    joints: dict[BoneKey, tuple[float, float]] = {}
    for ray in (2, 3, 4, 5):
        # Fingers that touch lean towards the middle finger up to the first joint.
        fan = _FAN_DEG * (3 - ray)
        # As far as the bones allow: poses drawn later lean less.
        lean = fan * lean_part * (0.4 + 0.6 * amplitude) if touching else 0.0
        side = -fan - lean if touching else spread * (3.3 - ray)
        side += rng.uniform(-1.5, 1.5) * (not touching)
        joints[ray, "proximal phalanx"] = (flexion * rng.uniform(0.2, 1.0), side)
        straightened = 0.8 * lean + rng.uniform(-1.5, 1.5) * (not touching)
        joints[ray, "middle phalanx"] = (flexion * rng.uniform(0.4, 1.0), straightened)
        joints[ray, "distal phalanx"] = (flexion * rng.uniform(0.2, 0.9), rng.uniform(-2, 2))
    joints[1, "proximal phalanx"] = (flexion * rng.uniform(-0.3, 1.0), rng.uniform(-5, 5))
    joints[1, "distal phalanx"] = (flexion * rng.uniform(-0.5, 0.8), rng.uniform(-3, 3))
    fist_angles = rng.uniform(0, 1, 5)
    if fist:
        abduction = 4 + 14 * fist_angles[0]
        metacarpals[1] = (abduction, 8 + 13 * fist_angles[1], -(60 + 25 * fist_angles[2]))
        joints[1, "proximal phalanx"] = (25 + 25 * fist_angles[3], 0.0)
        joints[1, "distal phalanx"] = (20 + 40 * fist_angles[4], 0.0)
    return Pose(
        flexion_deg=flexion,
        spread_deg=spread,
        thumb_abduction_deg=float(abduction),
        palm_arch_deg=arch,
        turn_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
        metacarpal_deg=metacarpals,
        joint_deg=joints,
        joint_gap_mm={key: rng.uniform(0.55, 1.15) for key in joints},
    )


def pose_bones(
    shapes: dict[BoneKey, BoneShape], base_points_mm: dict[BoneKey, Vector], pose: Pose, size: float
) -> dict[BoneKey, Frame]:
    """Return the frame of every bone.

    Args:
        shapes: The bones.
        base_points_mm: Points on the proximal face of each, in its frame.
        pose: The angles of the joints.
        size: Size of the hand relative to an adult one, which spaces the bones of the palm.
    """
    turn = _turning(pose.turn_deg)
    frames: dict[BoneKey, Frame] = {}
    for ray in range(1, 6):
        distal, radial, palmar = (value * size for value in _METACARPAL_BASE[ray])
        abduction, flexion, twist = pose.metacarpal_deg[ray]
        frame = _NEUTRAL.moved_to(np.array([-distal, -radial, palmar]))
        frame = frame.abducted(abduction).flexed(flexion).twisted(twist)
        segments = segments_of(ray)
        frames[ray, "metacarpal"] = frame
        for nearer, segment in itertools.pairwise(segments):
            flexion, abduction = pose.joint_deg[ray, segment]
            frame = _next_frame(
                frame,
                shapes[ray, nearer],
                frame.abducted(abduction).flexed(flexion),
                base_points_mm[ray, segment],
                pose.joint_gap_mm[ray, segment],
            )
            frames[ray, segment] = frame
    return {key: _turned(frame, turn) for key, frame in frames.items()}


def hand_frame(pose: Pose) -> Frame:
    """Return the frame of the whole hand, at the base of the third metacarpal."""
    return _turned(_NEUTRAL, _turning(pose.turn_deg))


def _turned(frame: Frame, rotation: Vector) -> Frame:
    return Frame(
        *(rotation @ part for part in (frame.origin_mm, frame.along, frame.across, frame.palmar))
    )


def _next_frame(
    frame: Frame, shape: BoneShape, direction: Frame, base_points_mm: Vector, wanted_gap_mm: float
) -> Frame:
    """Place a bone on the head of the one before it, rotated about the centre of the head."""
    head = shape.whole.moved(lambda _: frame)
    radius = float(shape.whole.distal.half_thickness_mm)
    centre = frame.at(shape.length_mm - radius)
    placed = direction.moved_to(centre + (radius + wanted_gap_mm) * direction.along)
    for _ in range(_JOINT_STEPS):
        gap = gap_mm(placed.points(base_points_mm), head)
        placed = placed.moved_to(placed.at(wanted_gap_mm - gap))
    return placed


def _turning(degrees: tuple[float, float, float]) -> Vector:
    rotation = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        i, j = [k for k in range(3) if k != axis]
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
        rotation = matrix @ rotation
    return rotation
