"""The bones of one hand before they are posed: sizes, shapes, and the parts of each bone."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from amcnet.anatomy.growth import (
    ADULT_SIZE_MM,
    EPIPHYSIS_THICKNESS_RATIO,
    BoneKey,
    EpiphysisState,
    Sex,
    epiphysis_state,
    epiphysis_width_ratio,
    ossification_onset_years,
    relative_size,
)
from amcnet.phantom.bone_profiles import draw_profile
from amcnet.phantom.end_faces import (
    blank_face,
    domed,
    draw_base,
    draw_head,
    draw_plate,
    softened,
)
from amcnet.phantom.long_bone import Face, LongBone
from amcnet.phantom.solids import Frame

_MIN_EPIPHYSIS_MM = 1.1
_CARTILAGE_MM = 0.3  # articular cartilage outside the bone's nominal surface
_LOCAL = Frame(np.zeros(3), *np.eye(3))


@dataclass(frozen=True)
class Person:
    """The person whose hand it is.

    Attributes:
        age_years: Age.
        sex: Sex.
        skeletal_shift_years: Skeletal age minus chronological age.
        bone_shift_years: Largest deviation of the skeletal age of single bones.
    """

    age_years: float
    sex: Sex
    skeletal_shift_years: float = 0.0
    bone_shift_years: float = 0.0


@dataclass(frozen=True, eq=False)
class BoneShape:
    """One bone with its epiphysis and cartilage, in the frame of the bone.

    Attributes:
        length_mm: From the rim of the base to the top of the head.
        state: Whether the epiphysis has ossified or fused.
        whole: The bone with its cartilaginous or fused growth end.
        bone: The labelled shaft, including the growth end if the epiphysis has fused.
        epiphysis: The labelled epiphysis if it is a separate structure.
        cartilage: The growth end, and the articular cartilage of the other end.
    """

    length_mm: float
    state: EpiphysisState
    whole: LongBone
    bone: LongBone
    epiphysis: LongBone | None
    cartilage: tuple[LongBone, ...]


@dataclass(frozen=True)
class HandBuild:
    """The bones of a hand, and its size relative to the average of its age.

    Attributes:
        shapes: (ray, segment) -> bone.
        size_factor: Size relative to the average of age and sex.
        slenderness: Width relative to length, 1 on average.
    """

    shapes: dict[BoneKey, BoneShape]
    size_factor: float
    slenderness: float


def draw_build(rng: Generator, person: Person) -> HandBuild:
    """Draw the 19 bones of a hand."""
    size_factor = float(np.clip(rng.normal(1, 0.05), 0.87, 1.13))
    slenderness = float(np.clip(rng.normal(1, 0.05), 0.88, 1.1))
    factor = relative_size(person.age_years, person.sex) * size_factor
    shapes = {key: _draw_shape(rng, key, person, factor, slenderness) for key in ADULT_SIZE_MM}
    return HandBuild(shapes, size_factor, slenderness)


def _draw_shape(
    rng: Generator, key: BoneKey, person: Person, factor: float, slenderness: float
) -> BoneShape:
    ray, segment = key
    adult_length, adult_width, adult_thickness = ADULT_SIZE_MM[key]
    factor *= float(np.clip(rng.normal(1, 0.025), 0.93, 1.07))
    length = adult_length * factor
    half_width = adult_width / 2 * factor * slenderness
    half_thickness = adult_thickness / 2 * factor * slenderness
    profile = draw_profile(rng, key, length, half_width, half_thickness)
    whole = LongBone(
        _LOCAL,
        profile,
        draw_base(rng, profile, ray, segment),
        draw_head(rng, profile, ray, segment),
        edge_mm=half_thickness * rng.uniform(0.35, 0.7),
        camber=rng.uniform(0.0, 0.25),
    )
    onset = ossification_onset_years(ray, segment, person.sex)
    age = person.age_years + person.skeletal_shift_years
    age += person.bone_shift_years * rng.uniform(-1, 1)
    thickness_ratio = EPIPHYSIS_THICKNESS_RATIO[segment] * np.clip(rng.normal(1, 0.08), 0.85, 1.15)
    growth_end = _GrowthEnd(
        at_head=segment == "metacarpal" and ray > 1,
        thickness_mm=float(max(_MIN_EPIPHYSIS_MM, thickness_ratio * length)),
        plate_mm=rng.uniform(0.85, 1.15),
        girth=epiphysis_width_ratio(age, onset) * float(np.clip(rng.normal(1, 0.05), 0.9, 1.1)),
    )
    state = epiphysis_state(age, ray, segment, person.sex)
    return _in_pieces(rng, whole, growth_end, state)


@dataclass(frozen=True)
class _GrowthEnd:
    at_head: bool
    thickness_mm: float
    plate_mm: float
    girth: float


def _in_pieces(
    rng: Generator, whole: LongBone, end: _GrowthEnd, state: EpiphysisState
) -> BoneShape:
    """Cut a bone at its growth plate."""
    length = whole.profile.length_mm
    inner = length - end.thickness_mm if end.at_head else end.thickness_mm
    inwards = -end.plate_mm if end.at_head else end.plate_mm
    plate = draw_plate(rng, whole.profile, inner)
    metaphysis = plate.shifted(inwards)
    growth = replace(
        _cut(whole, end.at_head, _outer(whole, end), metaphysis.shifted(inwards)),
        grown_mm=_CARTILAGE_MM,
    )
    cartilage = (growth, _articular_layer(whole, end.at_head))
    shaft = _cut(whole, not end.at_head, _outer(whole, end, False), metaphysis)
    return BoneShape(
        length_mm=length,
        state=state,
        whole=whole,
        bone=whole if state == "fused" else shaft,
        epiphysis=_epiphysis(whole, end, plate) if state == "ossified" else None,
        cartilage=cartilage,
    )


def _epiphysis(whole: LongBone, end: _GrowthEnd, plate: Face) -> LongBone:
    """Return the ossified part of the growth end: a small oval that grows into a matching cap."""
    mature = float(np.clip((end.girth - 0.45) / 0.5, 0, 1))
    round_size = 1.8 * end.girth * min(plate.half_width_mm, plate.half_thickness_mm * 1.3)
    thickness = end.thickness_mm * (0.8 + 0.2 * mature)
    thickness = max(_MIN_EPIPHYSIS_MM * 0.9, min(thickness, round_size + mature * thickness))
    outwards = 1 if end.at_head else -1
    outer = _outer(whole, end)
    missing = end.thickness_mm - thickness
    bulge = 0.3 * thickness * (1 - mature) * outwards
    return _cut(
        replace(whole, girth=end.girth, edge_mm=min(whole.edge_mm, 0.45 * thickness)),
        end.at_head,
        domed(softened(outer, mature, outer.at_mm - missing * outwards), bulge, end.girth),
        domed(softened(plate, mature, plate.at_mm), -bulge, end.girth),
    )


def _articular_layer(whole: LongBone, growth_at_head: bool) -> LongBone:
    """Return the cartilage over the end without a growth plate."""
    depth = whole.profile.radius_mm * 0.8
    if growth_at_head:
        inner = blank_face(whole.profile, whole.proximal.range_mm[1] + depth)
        return replace(whole, distal=inner, grown_mm=_CARTILAGE_MM)
    inner = blank_face(whole.profile, whole.distal.range_mm[0] - depth)
    return replace(whole, proximal=inner, grown_mm=_CARTILAGE_MM)


def _outer(whole: LongBone, end: _GrowthEnd, growth: bool = True) -> Face:
    return whole.distal if end.at_head == growth else whole.proximal


def _cut(bone: LongBone, outer_is_distal: bool, outer: Face, inner: Face) -> LongBone:
    if outer_is_distal:
        return replace(bone, proximal=inner, distal=outer)
    return replace(bone, proximal=outer, distal=inner)
