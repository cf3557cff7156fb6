"""How the cross-section of each kind of bone changes along its axis."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import RaySegment
from amcnet.phantom.long_bone import PROFILE_SAMPLES, Profile
from amcnet.phantom.solids import Field, Vector

_WAVES = 4
_ALONG = np.linspace(0, 1, PROFILE_SAMPLES)


@dataclass(frozen=True)
class Flare:
    """Size of the (proximal, distal) end relative to the middle of the bone."""

    width: tuple[float, float]
    dorsal: tuple[float, float]
    palmar: tuple[float, float]


def draw_profile(
    rng: Generator,
    kind: tuple[int, RaySegment],
    length_mm: float,
    half_width_mm: float,
    half_thickness_mm: float,
) -> Profile:
    """Draw the profile of a bone (ray, segment) with the given middle."""
    ray, segment = kind
    flare = _draw_flare(rng, ray, segment)
    reach = _draw_reach(rng, segment)
    width = _flared(flare.width, reach)
    dorsal, palmar = _flared(flare.dorsal, reach), _flared(flare.palmar, reach)
    if segment == "distal phalanx":
        tuft = np.exp(-(((_ALONG - rng.uniform(0.9, 0.96)) / rng.uniform(0.1, 0.16)) ** 2))
        width = width * (1 + rng.uniform(0.2, 0.65) * tuft)
        # The shaft of a distal phalanx tapers towards the waist below the tuft.
        taper = 1 - rng.uniform(0.05, 0.2) * np.clip((_ALONG - 0.45) / 0.4, 0, 1)
        width, dorsal, palmar = width * taper, dorsal * taper, palmar * taper
    rough = rng.uniform(0.005, 0.025)
    bow = -(rng.uniform(-0.002, 0.02) + (0.008 if segment == "metacarpal" else 0.0))
    flat = rng.uniform(0.8, 1.0)  # the palmar side is flatter, the dorsal side higher
    return Profile(
        length_mm=length_mm,
        half_width_mm=_field(half_width_mm * width * _wavy(rng, rough)),
        dorsal_mm=_field(half_thickness_mm * (2 - flat) * dorsal * _wavy(rng, rough)),
        palmar_mm=_field(half_thickness_mm * flat * palmar * _wavy(rng, rough)),
        across_mm=_field(half_width_mm * (_wavy(rng, 2 * rough) - 1) + _bowed(rng, length_mm)),
        down_mm=_field(bow * length_mm * 4 * _ALONG * (1 - _ALONG)),
        twist=_field(np.deg2rad(rng.uniform(-8, 8)) * (_ALONG - 0.5)),
    )


def plain_profile(
    rng: Generator, length_mm: float, width: Vector, dorsal: Vector, palmar: Vector
) -> Profile:
    """Return an irregular profile with given half sizes at ``PROFILE_SAMPLES`` points, in mm."""
    rough = rng.uniform(0.02, 0.06)
    return Profile(
        length_mm=length_mm,
        half_width_mm=_field(width * _wavy(rng, rough)),
        dorsal_mm=_field(dorsal * _wavy(rng, rough)),
        palmar_mm=_field(palmar * _wavy(rng, rough)),
        across_mm=_field(0.5 * width * (_wavy(rng, rough) - 1)),
        down_mm=_field(0.5 * dorsal * (_wavy(rng, rough) - 1)),
        twist=_field(np.deg2rad(rng.uniform(-12, 12)) * (_ALONG - 0.5)),
    )


def _draw_flare(rng: Generator, ray: int, segment: RaySegment) -> Flare:
    u = rng.uniform
    if segment == "metacarpal" and ray > 1:
        # The bases of metacarpals 2-5 touch each other, so they cannot flare.
        return Flare((u(1.0, 1.14), u(1.45, 1.7)), (u(1.1, 1.3), u(1.1, 1.3)), (1.2, u(1.5, 1.8)))
    if segment == "metacarpal":
        return Flare((u(1.45, 1.65), u(1.45, 1.6)), (u(1.1, 1.3), u(1.0, 1.2)), (1.2, u(1.2, 1.45)))
    if segment == "distal phalanx":
        return Flare((u(1.6, 2.0), u(1.0, 1.2)), (u(1.2, 1.4), u(0.8, 1.0)), (u(1.2, 1.5), 0.8))
    return Flare(
        (u(1.45, 1.75), u(1.25, 1.5)), (u(1.15, 1.4), u(0.95, 1.1)), (u(1.3, 1.6), u(1.25, 1.5))
    )


def _draw_reach(rng: Generator, segment: RaySegment) -> tuple[float, float]:
    """Return the part of the length over which the (proximal, distal) end is flared."""
    if segment == "metacarpal":
        return rng.uniform(0.14, 0.22), rng.uniform(0.17, 0.24)
    if segment == "distal phalanx":
        return rng.uniform(0.26, 0.36), 0.2
    return rng.uniform(0.2, 0.28), rng.uniform(0.16, 0.24)


def _flared(ends: tuple[float, float], reach: tuple[float, float]) -> Vector:
    profile = np.ones(PROFILE_SAMPLES)
    for end, part, place in zip(ends, reach, (_ALONG, 1 - _ALONG), strict=True):
        profile += (end - 1) * np.exp(-((place / part) ** 1.8))
    return profile


def _wavy(rng: Generator, amplitude: float) -> Vector:
    """Return a smooth random factor along the axis."""
    wave = np.ones(PROFILE_SAMPLES)
    for k in range(1, _WAVES + 1):
        wave += rng.normal(0, amplitude / k**0.5) * np.cos(np.pi * (k * _ALONG + rng.uniform(0, 2)))
    return np.clip(wave, 1 - 3 * amplitude, 1 + 3 * amplitude)


def _bowed(rng: Generator, length_mm: float) -> Vector:
    sideways: Vector = rng.normal(0, 0.005) * length_mm * 4 * _ALONG * (1 - _ALONG)
    return sideways


def _field(values: Vector) -> Field:
    return values.astype(np.float32)
