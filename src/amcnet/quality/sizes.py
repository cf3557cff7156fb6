"""Structures that are too long, too short, too big or too small for the rest of the hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from statistics import median

from amcnet.anatomy import LabelTable
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.hand import Bone, HandPlan
from amcnet.quality.observation import Found

# Logarithms. Among phantoms of all ages the length of a bone for its hand's scale spreads by 0.03
# and its volume by 0.09; real hands spread more in length, labels of a model in both.
_LENGTH_TOLERANCE = 0.25
_VOLUME_TOLERANCE = 0.36
# Epiphyses, by volume: 0.22 among older children, more where ossification has only begun and the
# caps are small.
_CAP_TOLERANCE = 0.95
_SMALL_CAPS = -0.5
_SMALL_CAP_TOLERANCE = 0.6  # more for each step of 1 below that
_LARGEST_CAP_TOLERANCE = 1.8
# Twice the tolerance is no variety any more.
_BAD = 2.0
_FEWEST = 5
# A hand of a child of 2 years has half the size of an adult's.
_SMALLEST_SCALE, _LARGEST_SCALE = 0.38, 1.3


@dataclass(frozen=True)
class Sizes:
    """The scale of a hand, and how its structures deviate.

    Attributes:
        log_scale: Logarithm of the size relative to an adult hand, None where too few bones are
            whole to tell.
        log_volumes: Label value -> logarithm of the expected volume in mm3, of all bones and
            epiphyses, where there is a scale.
        deviations: Label value -> (what, logarithm of the ratio to what is expected, tolerance),
            of the whole structures; the measure that is further off.
    """

    log_scale: float | None = None
    log_volumes: dict[int, float] = field(default_factory=dict)
    deviations: dict[int, tuple[str, float, float]] = field(default_factory=dict)

    def is_plausible(self, value: int) -> bool:
        """Return whether a structure's size is known and within tolerance."""
        _, deviation, tolerance = self.deviations.get(value, ("", 1.0, 0.0))
        return abs(deviation) <= tolerance


def compare_sizes(plan: HandPlan, found: Mapping[int, Found]) -> Sizes:
    """Compare every structure that the border does not cut with the rest of the hand."""
    whole = {value: one for value, one in found.items() if not one.at_border}
    bones = [bone for bone in plan.bones if bone.shaft in whole]
    if len(bones) < _FEWEST:
        return Sizes()
    log_scale = median(_log_scale(bone, whole) for bone in bones)
    lengths, volumes = {}, {}
    for bone in bones:
        size, states = whole[bone.shaft], _states(bone, whole)
        length, volume = log(max(size.length_mm, 1e-6)), log(size.volume_mm3)
        lengths[bone.shaft] = _beyond(length, [bone.log_length(log_scale, s) for s in states])
        volumes[bone.shaft] = _beyond(volume, [bone.log_volume(log_scale, s) for s in states])
    stout = median(volumes.values())
    deviations = {
        value: max(
            ("length", lengths[value], _LENGTH_TOLERANCE),
            ("volume", volumes[value] - stout, _VOLUME_TOLERANCE),
            key=lambda deviation: abs(deviation[1]) / deviation[2],
        )
        for value in lengths
    }
    log_volumes = {bone.shaft: bone.log_volume(log_scale, False) + stout for bone in plan.bones}
    level, cap_deviations = _cap_deviations(plan, whole, log_scale)
    log_volumes |= {
        value: bone.log_cap_volume(log_scale) + level for value, bone in plan.epiphyses.items()
    }
    return Sizes(log_scale, log_volumes, deviations | cap_deviations)


def size_findings(sizes: Sizes, table: LabelTable) -> list[Finding]:
    """Return a finding for every deviation beyond its tolerance, and for a scale beyond any hand's.

    Args:
        sizes: From :func:`compare_sizes`.
        table: Names of the structures.
    """
    if sizes.log_scale is None:
        return []
    findings, scale = [], exp(sizes.log_scale)
    if not _SMALLEST_SCALE <= scale <= _LARGEST_SCALE:
        message = (
            f"the bones have {100 * scale:.0f} % of the size of an adult's, expected "
            f"{100 * _SMALLEST_SCALE:.0f} to {100 * _LARGEST_SCALE:.0f} %: is the spacing right?"
        )
        findings.append(Finding("scale", Severity.BAD, (), message))
    for value, (what, deviation, tolerance) in sorted(sizes.deviations.items()):
        if abs(deviation) > tolerance:
            severity = Severity.BAD if abs(deviation) > _BAD * tolerance else Severity.LOOK
            message = (
                f"{table[value].name}: its {what} is {100 * exp(deviation):.0f} % of what fits "
                "the rest of the hand"
            )
            findings.append(Finding("size", severity, (value,), message))
    return findings


def _states(bone: Bone, found: Mapping[int, Found]) -> tuple[bool, ...]:
    """Return whether the epiphysis has fused; both where it is absent, which may mean either."""
    return (False,) if bone.epiphysis in found else (False, True)


def _log_scale(bone: Bone, found: Mapping[int, Found]) -> float:
    length_mm = max(found[bone.shaft].length_mm, 1e-6)
    scales = [bone.log_scale(length_mm, fused) for fused in _states(bone, found)]
    return sum(scales) / len(scales)


def _beyond(value: float, expected: list[float]) -> float:
    """Return how far a value is from a range, 0 within it."""
    return value - min(max(value, min(expected)), max(expected))


def _cap_deviations(
    plan: HandPlan, whole: Mapping[int, Found], log_scale: float
) -> tuple[float, dict[int, tuple[str, float, float]]]:
    """Return the level of the epiphyses and how each deviates from it: they ripen together."""
    ratios = {
        value: log(whole[value].volume_mm3) - bone.log_cap_volume(log_scale)
        for value, bone in plan.epiphyses.items()
        if value in whole
    }
    level = median(ratios.values()) if ratios else 0.0
    if len(ratios) < _FEWEST:
        return level, {}
    tolerance = _CAP_TOLERANCE + _SMALL_CAP_TOLERANCE * max(0.0, _SMALL_CAPS - level)
    tolerance = min(tolerance, _LARGEST_CAP_TOLERANCE)
    return level, {value: ("volume", ratio - level, tolerance) for value, ratio in ratios.items()}
