"""Draw the hand of a configuration: the person, the bones and the pose."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from amcnet.anatomy import hand_label_table
from amcnet.anatomy.growth import COMPLETE_AGE_YEARS, SEGMENTS, BoneKey, Sex, relative_size
from amcnet.errors import ConfigError
from amcnet.phantom.bone_shapes import HandBuild, Person, draw_build
from amcnet.phantom.clearance import smallest_gap_mm, surface_points
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.hand_anatomy import Hand, HandParameters, Side, label_values, mirror
from amcnet.phantom.long_bone import LongBone
from amcnet.phantom.phantom_config import OLDEST_YEARS, YOUNGEST_YEARS, PhantomConfig
from amcnet.phantom.placement import draw_placement, place_hand
from amcnet.phantom.posing import Pose, draw_pose, hand_frame, pose_bones
from amcnet.phantom.rare_cases import TOUCHING_FINGERS, draw_rare_cases
from amcnet.phantom.soft_tissue import SoftTissue, draw_soft_tissue, flesh_of, tendons_of
from amcnet.phantom.solids import Frame, Vector
from amcnet.phantom.wrist import draw_wrist, wrist_flesh

SMALLEST_GAP_MM = 0.4
"""Smallest distance between any two structures."""

_SMALLEST_GAP_OF_TOUCHING_FINGERS_MM = 1.5
_POSE_ATTEMPTS = 20
_BUILD_ATTEMPTS = 8  # of hands with one age and sex
_PERSON_ATTEMPTS = 20
_SKELETAL_SHIFT_YEARS = 0.23  # plus up to 0.3 times this for a single bone


@dataclass(frozen=True)
class _Subject:
    """A hand with everything except its pose."""

    person: Person
    side: Side
    build: HandBuild
    size: float
    soft: SoftTissue
    rare_cases: tuple[str, ...]


def draw_hand(rng: Generator, config: PhantomConfig) -> Hand:
    """Draw a hand for a configuration.

    Poses that do not fit the volume, or in which bones come too close to each other, are drawn
    again, gradually closer to the neutral pose. A hand that fits in no pose is replaced by another
    hand of the same person, then by one without the rare cases, then by another person's. In the
    variety ``complete`` all labelled structures lie entirely inside the volume.

    Raises:
        ConfigError: If no hand of the configured ages fits the grid.
    """
    subject_rng, pose_rng, tissue_rng = rng.spawn(3)
    rare_cases = draw_rare_cases(subject_rng, config.variety == "full")
    for _ in range(_PERSON_ATTEMPTS):
        person, side = _draw_person(subject_rng, config)
        for attempt in range(_BUILD_ATTEMPTS):
            # Dropped late; otherwise only small hands would show the rare cases that need room.
            kept = rare_cases if attempt < _BUILD_ATTEMPTS // 2 else ()
            subject = _draw_subject(subject_rng, person, side, kept)
            hand = _posed(subject, config.grid, pose_rng, tissue_rng)
            if hand is not None:
                return mirror(hand, config.grid) if side == "left" else hand
    extent = " x ".join(f"{mm:.0f}" for mm in config.grid.field_of_view_mm)
    raise ConfigError(
        f"grid: found {extent} mm (scan, lateral, depth), in which none of "
        f"{_PERSON_ATTEMPTS * _BUILD_ATTEMPTS} hands fits; expected room for a hand of the "
        "configured ages"
    )


def _posed(
    subject: _Subject, grid: PhantomGrid, pose_rng: Generator, tissue_rng: Generator
) -> Hand | None:
    """Draw poses of a right hand until one fits the grid; return None if none does."""
    points = _PointsOf(subject.build)
    for attempt in range(_POSE_ATTEMPTS):
        amplitude = 1 - 0.75 * attempt / _POSE_ATTEMPTS
        pose = draw_pose(pose_rng, amplitude, subject.rare_cases)
        placement = draw_placement(pose_rng, subject.rare_cases, subject.size)
        frames = pose_bones(subject.build.shapes, points.bases_mm, pose, subject.size)
        structures = _structures(subject.build, frames)
        if not placement.has_room(structures, points.structures_mm, grid):
            continue
        if not _keeps_apart(structures, points.structures_mm, subject.rare_cases):
            continue
        hand = _assemble(tissue_rng, subject, pose, frames, structures)
        placed = place_hand(hand, placement, points.structures_mm, grid)
        if placed is not None:
            return placed
    return None


def _draw_person(rng: Generator, config: PhantomConfig) -> tuple[Person, Side]:
    sex: Sex = "girl" if rng.random() < 0.5 else "boy"
    side: Side = "left" if rng.random() < 0.5 else "right"
    full = config.variety == "full"
    low, high = config.age_years or (
        (YOUNGEST_YEARS, OLDEST_YEARS) if full else COMPLETE_AGE_YEARS[sex]
    )
    age = low + (high - low) * rng.random()
    shift, bone_shift = rng.uniform(-1, 1) * _SKELETAL_SHIFT_YEARS, 0.3 * _SKELETAL_SHIFT_YEARS
    return Person(age, sex, shift * full, bone_shift * full), side


def _draw_subject(
    rng: Generator, person: Person, side: Side, rare_cases: tuple[str, ...]
) -> _Subject:
    build = draw_build(rng, person)
    size = relative_size(person.age_years, person.sex) * build.size_factor
    soft = draw_soft_tissue(rng, person.age_years, size)
    return _Subject(person, side, build, size, soft, rare_cases)


class _PointsOf:
    """Points on the surfaces of a hand's bones, in the frame of each; computed once per hand."""

    def __init__(self, build: HandBuild) -> None:
        self.structures_mm: dict[int, Vector] = {}
        self.bases_mm: dict[BoneKey, Vector] = {}
        for key, shape in build.shapes.items():
            bone, epiphysis = label_values(*key)
            self.structures_mm[bone] = surface_points(shape.bone)
            if shape.epiphysis is not None:
                self.structures_mm[epiphysis] = surface_points(shape.epiphysis)
            # An oval epiphysis has sharper edges than the end that contains it.
            base = [
                surface_points(shape.whole),
                self.structures_mm.get(epiphysis, np.empty((0, 3))),
            ]
            points = np.concatenate(base)
            self.bases_mm[key] = points[points[:, 0] < 0.3 * shape.length_mm]


def _structures(build: HandBuild, frames: dict[BoneKey, Frame]) -> dict[int, LongBone]:
    """Return the labelled solids in the frames of their bones."""
    structures = {}
    for key, shape in build.shapes.items():
        for value, piece in zip(label_values(*key), (shape.bone, shape.epiphysis), strict=True):
            if piece is not None:
                structures[value] = replace(piece, frame=frames[key])
    return dict(sorted(structures.items()))


def _keeps_apart(
    structures: dict[int, LongBone], points_mm: dict[int, Vector], rare_cases: tuple[str, ...]
) -> bool:
    if smallest_gap_mm(structures, points_mm, 2 * SMALLEST_GAP_MM) < SMALLEST_GAP_MM:
        return False
    if TOUCHING_FINGERS not in rare_cases:
        return True
    wanted = _SMALLEST_GAP_OF_TOUCHING_FINGERS_MM
    for ray in (2, 3, 4):
        for segment in SEGMENTS[1:]:
            values = (label_values(r, segment)[0] for r in (ray, ray + 1))
            pair = {value: structures[value] for value in values}
            if smallest_gap_mm(pair, points_mm, 2 * wanted) < wanted:
                return False
    return True


def _assemble(
    rng: Generator,
    subject: _Subject,
    pose: Pose,
    frames: dict[BoneKey, Frame],
    structures: dict[int, LongBone],
) -> Hand:
    """Add soft tissue and the wrist to the bones."""
    shapes, person = subject.build.shapes, subject.person
    root = hand_frame(pose)
    flesh = flesh_of(rng, shapes, frames, subject.soft)
    return Hand(
        parameters=_parameters(subject, pose),
        structures=structures,
        cartilage=tuple(
            replace(piece, frame=frames[key])
            for key, shape in shapes.items()
            for piece in shape.cartilage
        ),
        wrist=draw_wrist(rng, root, subject.size, person.age_years, person.sex),
        tendons=tendons_of(rng, shapes, frames, subject.soft),
        flesh=flesh + wrist_flesh(root, subject.size, subject.soft.chubbiness),
    )


def _parameters(subject: _Subject, pose: Pose) -> HandParameters:
    table = hand_label_table()
    person, shapes = subject.person, subject.build.shapes
    reasons: dict[str, str] = {
        table[label_values(*key)[1]].name: shape.state
        for key, shape in shapes.items()
        if shape.epiphysis is None
    }
    roll, pitch, yaw = pose.turn_deg
    return HandParameters(
        age_years=person.age_years,
        sex=person.sex,
        side=subject.side,
        skeletal_shift_years=person.skeletal_shift_years,
        size=subject.size,
        size_factor=subject.build.size_factor,
        slenderness=subject.build.slenderness,
        chubbiness=subject.soft.chubbiness,
        web_mm=subject.soft.web_mm,
        flexion_deg=pose.flexion_deg,
        spread_deg=pose.spread_deg,
        thumb_abduction_deg=pose.thumb_abduction_deg,
        palm_arch_deg=pose.palm_arch_deg,
        roll_deg=roll,
        pitch_deg=pitch,
        yaw_deg=yaw,
        joint_flexion_deg={
            table[label_values(*key)[0]].name: angles[0] for key, angles in pose.joint_deg.items()
        },
        standoff_mm=0.0,
        rare_cases=subject.rare_cases,
        absent=reasons,
        cut=(),
    )
