"""The unlabelled bones behind the palm: carpals, and the ends of radius and ulna."""

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import Sex, carpals_ossified
from amcnet.phantom.bone_profiles import plain_profile
from amcnet.phantom.end_faces import blank_face, domed, draw_plate
from amcnet.phantom.long_bone import PROFILE_SAMPLES, LongBone
from amcnet.phantom.solids import Capsule, Frame, Vector

_CARPALS = {  # centre (distal, towards the thumb, palmar), length, width, thickness; adult mm
    "trapezium": ((-11.0, 19.0, 6.5), (11.0, 13.0, 11.0)),
    "trapezoid": ((-8.0, 9.5, 2.0), (11.0, 10.0, 11.0)),
    "capitate": ((-11.5, 0.0, 2.0), (20.0, 12.0, 13.0)),
    "hamate": ((-12.5, -12.5, 3.0), (16.0, 13.0, 13.0)),
    "scaphoid": ((-20.5, 12.0, 5.0), (14.0, 13.0, 11.0)),
    "lunate": ((-26.0, -0.5, 4.0), (10.0, 13.0, 13.0)),
    "triquetrum": ((-23.0, -12.0, 4.0), (10.0, 12.0, 11.0)),
    "pisiform": ((-22.0, -15.0, 13.0), (8.0, 8.0, 7.0)),
}
_FOREARM = {  # middle of the end (distal, radial), half width of end and shaft, half thickness
    "radius": ((-33.0, 6.5), 14.0, 6.5, (9.0, 5.5)),
    "ulna": ((-36.0, -15.0), 7.5, 5.0, (7.0, 5.0)),
}
_FOREARM_LENGTH_MM = 110.0
_EPIPHYSIS_FROM_YEARS = {"radius": (1.1, 0.9), "ulna": (6.2, 5.4)}


def draw_wrist(
    rng: Generator, root: Frame, size: float, age_years: float, sex: Sex
) -> tuple[LongBone, ...]:
    """Draw the bones of the wrist that have ossified.

    Args:
        rng: Draws the shapes.
        root: At the base of the third metacarpal, in the direction of the hand.
        size: Size of the hand relative to an adult one.
        age_years, sex: Determine which carpals exist, and how large they are.
    """
    ossified = carpals_ossified(age_years, sex)
    bones = []
    for name, (centre, sizes) in _CARPALS.items():
        jitter = rng.uniform(0.88, 1.08, 3)
        bone = _blob(rng, root, size, centre, jitter * sizes * ossified.get(name, 1.0))
        if name in ossified:
            bones.append(bone)
    for name in _FOREARM:
        bones += _forearm_bone(rng, root, size, name, age_years, sex)
    return tuple(bones)


def wrist_flesh(root: Frame, size: float, chubbiness: float) -> tuple[Capsule, ...]:
    """Return the flesh of the wrist and of the forearm."""
    length = _FOREARM_LENGTH_MM * size
    thickness = 10.5 * size * (0.6 + 0.4 * chubbiness)
    forearm = root.moved_to(root.at(-length - 30 * size, 3 * size, 5 * size))
    flesh = [
        Capsule(forearm, length, 22 * size * (0.7 + 0.3 * chubbiness), thickness * 1.15),
    ]
    for side in (-9.0, 0.0, 9.0):
        start = root.at(-34 * size, -side * size, 4 * size)
        flesh.append(Capsule(root.moved_to(start), 36 * size, 10.5 * size, thickness))
    return tuple(flesh)


def _blob(
    rng: Generator, root: Frame, size: float, centre: tuple[float, float, float], sizes: Vector
) -> LongBone:
    distal, radial, palmar = (value * size for value in centre)
    length, width, thickness = (float(value) for value in sizes * size)
    frame = root.moved_to(root.at(distal - length / 2, -radial, palmar))
    frame = frame.flexed(rng.uniform(-12, 12)).abducted(rng.uniform(-15, 15))
    ones = np.ones(PROFILE_SAMPLES)
    profile = plain_profile(
        rng, length, ones * width / 2, ones * thickness / 2, ones * thickness / 2
    )
    bulge = 0.35 * length
    return LongBone(
        frame,
        profile,
        domed(blank_face(profile, 0.0), -bulge * rng.uniform(0.7, 1), 1.0),
        domed(blank_face(profile, length), bulge * rng.uniform(0.7, 1), 1.0),
        edge_mm=0.3 * min(length, width, thickness),
    )


def _forearm_bone(
    rng: Generator, root: Frame, size: float, name: str, age_years: float, sex: Sex
) -> list[LongBone]:
    (distal, radial), end, shaft, (end_thickness, thickness) = _FOREARM[name]
    length = _FOREARM_LENGTH_MM * size
    frame = root.moved_to(root.at(distal * size - length, -radial * size, 4 * size))
    along = np.linspace(0, 1, PROFILE_SAMPLES)
    flare = np.exp(-(((1 - along) / 0.13) ** 1.6))
    half_thickness = size * (thickness + (end_thickness - thickness) * flare)
    profile = plain_profile(
        rng, length, size * (shaft + (end - shaft) * flare), half_thickness, half_thickness
    )
    epiphysis_mm = 7.0 * size
    plate = draw_plate(rng, profile, length - epiphysis_mm)
    head = blank_face(profile, length)
    head = domed(head, head.half_width_mm * rng.uniform(0.1, 0.3), 1.0)
    base = blank_face(profile, 0.0)
    edge = 2.0 * size
    since = age_years - _EPIPHYSIS_FROM_YEARS[name][0 if sex == "boy" else 1]
    girth = float(np.interp(since, (0, 1, 9), (0.4, 0.5, 1.0)))
    bones = [LongBone(frame, profile, base, plate.shifted(-1.0), edge)]
    if since > 0:
        bones.append(LongBone(frame, profile, plate, head, edge, girth=girth))
    return bones
