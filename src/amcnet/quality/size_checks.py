"""Structures that are too large or too small for the rest of the hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import median

from amcnet.anatomy import LabelTable
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.hand_plan import Bone, HandPlan
from amcnet.quality.joint_gaps import Gaps, Room, measure_room
from amcnet.quality.maturity import Maturity, fit_maturity
from amcnet.quality.observation import Found

# Logarithms. Among phantoms of all ages, the length of a bone relative to its hand's scale has a
# standard deviation of 0.03, the volume of 0.09; real hands vary more in length, labels of a model
# in both.
_LENGTH_TOLERANCE = 0.25
_VOLUME_TOLERANCE = 0.36
# If a bone leaves this share of its place free, more than others do, two signs agree, and half the
# tolerance is enough.
_FREE_SHARE = 0.05
_WITH_ROOM = 0.55
# Epiphyses, by volume, for the skeletal age: standard deviation 0.25 among phantoms of all ages.
_CAP_TOLERANCE = 0.9
# Twice the tolerance is beyond normal variation.
_BAD = 2.0
_FEWEST = 5
_SPACING_ADVICE = "Check the voxel size (--spacing SCAN,LATERAL,DEPTH, in mm)."
# The hand of a child of 2 years has half the size of an adult's.
_SMALLEST_SCALE, _LARGEST_SCALE = 0.38, 1.3
# Relative to an adult's: in smaller hands, no epiphysis has fused.
_SMALLEST_FUSED = 0.8


Deviations = dict[int, tuple[str, float, float]]
"""Label value -> (measure, logarithm of the ratio to the expected value, tolerance)."""


@dataclass(frozen=True)
class Sizes:
    """The scale of a hand, and how its structures deviate.

    Attributes:
        log_scale: Logarithm of the size relative to an adult hand, None if too few bones are whole.
        maturity: Skeletal age, None if no age fits.
        room: Evidence from the gaps between structures.
        log_volumes: Label value -> logarithm of the expected volume in mm3, for all bones and
            epiphyses if there is a scale.
        deviations: For each whole structure, the measure that deviates more.
    """

    log_scale: float | None = None
    maturity: Maturity | None = None
    room: Room = field(default_factory=Room)
    log_volumes: dict[int, float] = field(default_factory=dict)
    deviations: Deviations = field(default_factory=dict)

    def is_plausible(self, value: int) -> bool:
        """Return whether a structure's size is known and within tolerance."""
        _, deviation, tolerance = self.deviations.get(value, ("", 1.0, 0.0))
        return abs(deviation) <= tolerance


def compare_sizes(plan: HandPlan, gaps: Gaps, chains: Sequence[Sequence[int]]) -> Sizes:
    """Compare every structure that the border does not cut with the rest of the hand.

    Args:
        plan: The bones.
        gaps: The structures that are present, and the gaps between them.
        chains: Label values along each chain.
    """
    found = gaps.found
    whole = {value: one for value, one in found.items() if not one.at_border}
    bones = [bone for bone in plan.bones if bone.shaft in whole]
    caps = {value: bone for value, bone in plan.epiphyses.items() if value in whole}
    log_caps = {
        value: log(whole[value].volume_mm3) if value in whole else None
        for value in plan.epiphyses
        if value in found
    }
    if len(bones) < _FEWEST:
        return Sizes(maturity=fit_maturity(plan, log_caps, {}, None))
    # First without any evidence on absent epiphyses.
    log_scale = _scale_of({b: _states(b, found, Room(), 0.0) for b in bones}, whole)
    room = measure_room(plan, gaps, chains, log_scale)
    states = {bone: _states(bone, found, room, log_scale) for bone in bones}
    log_scale = _scale_of(states, whole)
    stout, deviations = _bone_deviations(states, whole, room, log_scale)
    log_volumes = {bone.shaft: bone.log_volume(log_scale, False) + stout for bone in plan.bones}
    maturity = fit_maturity(plan, log_caps, room.fused, log_scale)
    if maturity is not None:
        level, cap_deviations = _cap_deviations(caps, whole, maturity, log_scale)
        deviations |= cap_deviations
        for value, bone in plan.epiphyses.items():
            girth = maturity.log_cap_girths(bone)[1]
            log_volumes[value] = bone.log_cap_volume(log_scale, girth) + level
    return Sizes(log_scale, maturity, room, log_volumes, deviations)


def size_findings(sizes: Sizes, table: LabelTable, causes: Sequence[str] = ()) -> list[Finding]:
    """Return one finding per deviation beyond its tolerance, and one for an impossible scale.

    Args:
        sizes: From :func:`compare_sizes`.
        table: Names of the structures.
        causes: Faults of the grid, see :func:`amcnet.quality.no_hand.grid_causes`.
    """
    if sizes.log_scale is None:
        return []
    findings, scale = [], exp(sizes.log_scale)
    if not _SMALLEST_SCALE <= scale <= _LARGEST_SCALE:
        message = (
            f"the bones have {100 * scale:.0f} % of the size of an adult's, expected "
            f"{100 * _SMALLEST_SCALE:.0f} to {100 * _LARGEST_SCALE:.0f} %. "
            + (" ".join(causes) or _SPACING_ADVICE)
        )
        findings.append(Finding("scale", Severity.BAD, (), message))
    for value, (what, deviation, tolerance) in sorted(sizes.deviations.items()):
        if abs(deviation) > tolerance:
            severity = Severity.BAD if abs(deviation) > _BAD * tolerance else Severity.LOOK
            message = (
                f"{table[value].name}: its {what} is {100 * exp(deviation):.0f} % of what fits "
                "the rest of the hand"
            )
            findings.append(Finding("size", severity, (value,), message, measure=what))
    return findings


def _states(
    bone: Bone, found: Mapping[int, Found], room: Room, log_scale: float
) -> tuple[bool, ...]:
    """Return whether the epiphysis has fused; both states if its absence is ambiguous."""
    if bone.epiphysis in found:
        return (False,)
    if bone.epiphysis is not None and room.fused.get(bone.epiphysis):
        return (True,)
    return (False,) if log_scale < log(_SMALLEST_FUSED) else (False, True)


def _scale_of(states: Mapping[Bone, tuple[bool, ...]], whole: Mapping[int, Found]) -> float:
    """Return the logarithm of the median scale of the bones."""
    scales = []
    for bone, fused in states.items():
        length_mm = max(whole[bone.shaft].length_mm, 1e-6)
        scales.append(sum(bone.log_scale(length_mm, state) for state in fused) / len(fused))
    return median(scales)


def _beyond(value: float, expected: Sequence[float]) -> float:
    """Return how far a value is from a range, 0 within it."""
    return value - min(max(value, min(expected)), max(expected))


def _bone_deviations(
    states: Mapping[Bone, tuple[bool, ...]],
    whole: Mapping[int, Found],
    room: Room,
    log_scale: float,
) -> tuple[float, Deviations]:
    """Return the stoutness of the hand's bones, and the deviation of each bone."""
    lengths, volumes = {}, {}
    for bone, fused in states.items():
        size = whole[bone.shaft]
        length, volume = log(max(size.length_mm, 1e-6)), log(size.volume_mm3)
        lengths[bone.shaft] = _beyond(length, [bone.log_length(log_scale, s) for s in fused])
        volumes[bone.shaft] = _beyond(volume, [bone.log_volume(log_scale, s) for s in fused])
    stout = median(volumes.values())
    deviations = {}
    for value, length in lengths.items():
        volume = volumes[value] - stout
        factor = _WITH_ROOM if _leaves_room(whole[value], room) and length < 0 > volume else 1.0
        deviations[value] = max(
            ("length", length, factor * _LENGTH_TOLERANCE),
            ("volume", volume, factor * _VOLUME_TOLERANCE),
            key=lambda deviation: abs(deviation[1]) / deviation[2],
        )
    return stout, deviations


def _leaves_room(one: Found, room: Room) -> bool:
    free_mm = room.excess_mm.get(one.structure.value, 0.0)
    return free_mm > _FREE_SHARE * (one.length_mm + free_mm)


def _cap_deviations(
    caps: Mapping[int, Bone], whole: Mapping[int, Found], maturity: Maturity, log_scale: float
) -> tuple[float, Deviations]:
    """Return the stoutness of the epiphyses for their age, and the deviation of each.

    Each may be early or late, within limits.
    """
    volumes = {
        value: [bone.log_cap_volume(log_scale, g) for g in maturity.log_cap_girths(bone)]
        for value, bone in caps.items()
    }
    ratios = {value: log(whole[value].volume_mm3) - volumes[value][1] for value in caps}
    level = median(ratios.values()) if ratios else 0.0
    if len(ratios) < _FEWEST:
        return level, {}
    deviations = {
        value: _beyond(log(whole[value].volume_mm3) - level, volumes[value]) for value in caps
    }
    return level, {v: ("volume", beyond, _CAP_TOLERANCE) for v, beyond in deviations.items()}
