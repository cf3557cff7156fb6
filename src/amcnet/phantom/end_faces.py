"""The end faces of each kind of bone: condyles, domes, facets, saddles and growth plates."""

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import RaySegment
from amcnet.phantom.long_bone import Face, Profile

_CONDYLE = 0.68  # position of the crests of condyles and facets, relative to the half width


def blank_face(profile: Profile, at_mm: float, girth: float = 1.0) -> Face:
    """Return a plane across the axis, in units of the size of the profile there."""
    index = profile.index(at_mm)
    half_thickness = (profile.dorsal_mm[index] + profile.palmar_mm[index]) / 2
    return Face(at_mm, float(profile.half_width_mm[index]) * girth, float(half_thickness) * girth)


def draw_head(rng: Generator, profile: Profile, ray: int, segment: RaySegment) -> Face:
    """Draw the distal face of a whole bone; its highest points lie at the bone's length."""
    length = profile.length_mm
    # The head is as wide as the bone is a little before its end.
    plane = _moved(blank_face(profile, length * 0.97), length)
    if segment == "distal phalanx":
        return _dome(rng, plane, plane.half_width_mm * rng.uniform(0.35, 0.8), 0.4)
    if segment == "metacarpal" and ray > 1:
        return _dome(rng, plane, plane.half_width_mm * rng.uniform(0.55, 0.85), 1.0)
    groove = plane.half_width_mm * rng.uniform(0.01, 0.15 if segment != "metacarpal" else 0.05)
    fall = plane.half_thickness_mm * rng.uniform(0.6, 1.0)
    return _changed(
        plane,
        -groove,
        across=(
            rng.normal(0, 0.05) * groove,
            2 * groove / _CONDYLE**2,
            rng.normal(0, 0.2) * groove,
            -groove / _CONDYLE**4 - 0.08 * plane.half_width_mm,
        ),
        palmar=(rng.uniform(0, 0.25) * fall, -0.65 * fall, 0.0, -0.35 * fall),
        mixed=rng.normal(0, 0.05) * fall,
    )


def draw_base(rng: Generator, profile: Profile, ray: int, segment: RaySegment) -> Face:
    """Draw the proximal face of a whole bone; its rim lies at 0."""
    plane = _moved(blank_face(profile, profile.length_mm * 0.03), 0.0)
    width, thickness = plane.half_width_mm, plane.half_thickness_mm
    if segment == "metacarpal":
        hollow = width * (rng.uniform(0.0, 0.2) if ray > 1 else rng.uniform(0.06, 0.16))
        # Saddle: hollow from back to palm, arched from side to side.
        arch = hollow * rng.uniform(0.6, 1.2) if ray == 1 else -hollow * rng.uniform(0, 0.6)
        oblique = width * rng.normal(0, 0.1)
        return _changed(
            plane,
            hollow,
            across=(oblique, arch, rng.normal(0, 0.04) * width, 0.0),
            palmar=(thickness * rng.normal(0, 0.06), -hollow, 0.0, 0.0),
            mixed=rng.normal(0, 0.04) * width,
        )
    hollow = thickness * rng.uniform(0.08, 0.24)
    ridge = 0.0
    if segment != "proximal phalanx":
        ridge = width * rng.uniform(0.01, 0.07)
    return _changed(
        plane,
        hollow - ridge,
        across=(
            rng.normal(0, 0.04) * width,
            2 * ridge / _CONDYLE**2 - 0.4 * hollow,
            rng.normal(0, 0.02) * width,
            -ridge / _CONDYLE**4,
        ),
        palmar=(rng.normal(0, 0.1) * hollow, -0.6 * hollow, 0.0, 0.0),
        mixed=rng.normal(0, 0.03) * width,
    )


def draw_plate(rng: Generator, profile: Profile, at_mm: float) -> Face:
    """Draw the gently undulating surface of a growth plate."""
    plane = blank_face(profile, at_mm)
    amount = plane.half_width_mm * rng.uniform(0.01, 0.05)
    a, b, c, d, e, f, g = rng.normal(0, amount, 7)
    return _changed(plane, 0.0, across=(a, b, c / 2, d / 2), palmar=(e, f, 0.0, 0.0), mixed=g / 2)


def domed(face: Face, height_mm: float, girth: float) -> Face:
    """Raise the centre of a face relative to its rim, or lower it if the height is negative."""
    x1, x2, x3, x4 = face.across_mm
    y1, y2, y3, y4 = face.palmar_mm
    part = height_mm / girth**2
    return Face(
        face.at_mm,
        face.half_width_mm,
        face.half_thickness_mm,
        (x1, x2 - part, x3, x4),
        (y1, y2 - part, y3, y4),
        face.mixed_mm,
    )


def softened(face: Face, amount: float, at_mm: float) -> Face:
    """Return the face at another position, with its relief scaled."""
    return Face(
        at_mm,
        face.half_width_mm,
        face.half_thickness_mm,
        _scaled(face.across_mm, amount),
        _scaled(face.palmar_mm, amount),
        face.mixed_mm * amount,
    )


def _dome(rng: Generator, plane: Face, height_mm: float, palmar_part: float) -> Face:
    """Return a rounded end, ``height_mm`` high."""
    palmar = height_mm * palmar_part
    square = rng.uniform(0.3, 0.6)
    return _changed(
        plane,
        0.0,
        across=(
            rng.normal(0, 0.08) * height_mm,
            -(1 - square) * height_mm,
            rng.normal(0, 0.03) * height_mm,
            -square * height_mm,
        ),
        palmar=(rng.uniform(0, 0.2) * palmar, -(1 - square) * palmar, 0.0, -square * palmar),
        mixed=rng.normal(0, 0.04) * height_mm,
    )


def _changed(
    plane: Face,
    shift_mm: float,
    across: tuple[float, float, float, float],
    palmar: tuple[float, float, float, float],
    mixed: float,
) -> Face:
    coefficients = tuple(float(c) for c in across), tuple(float(c) for c in palmar)
    return Face(
        plane.at_mm + float(shift_mm),
        plane.half_width_mm,
        plane.half_thickness_mm,
        coefficients[0],  # type: ignore[arg-type]
        coefficients[1],  # type: ignore[arg-type]
        float(mixed),
    )


def _moved(face: Face, at_mm: float) -> Face:
    return Face(at_mm, face.half_width_mm, face.half_thickness_mm)


def _scaled(
    values: tuple[float, float, float, float], factor: float
) -> tuple[float, float, float, float]:
    a, b, c, d = (float(v) for v in np.array(values) * factor)
    return a, b, c, d
