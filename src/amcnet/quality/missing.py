"""Structures that are absent: which of them should be there."""

from collections.abc import Collection, Mapping, Sequence
from math import log

import numpy as np

from amcnet.anatomy import LabelTable
from amcnet.phantom.growth import (
    COMPLETE_AGE_YEARS,
    EpiphysisState,
    Sex,
    epiphysis_state,
    relative_size,
)
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.hand import Bone, HandPlan
from amcnet.quality.observation import Found

_AGES_YEARS = np.arange(1.0, 18.01, 0.25)
# A single epiphysis may be ahead of the others or behind them, a hand large or small for its age.
_SHIFT_YEARS = 0.5
_SIZE_TOLERANCE = 0.2
_MANY = 0.5  # share of the epiphyses whose absence spoils the segmentation as a whole


def missing_findings(
    table: LabelTable,
    found: Mapping[int, Found],
    chains: Sequence[Sequence[int]],
    plan: HandPlan | None,
    log_scale: float | None,
) -> list[Finding]:
    """Return what is missing, apart by what it means.

    Args:
        table: All structures.
        found: Those that are there.
        chains: Label values along each chain.
        plan: Which of them are a hand's bones, None for other tables.
        log_scale: Size of the hand, see :class:`amcnet.quality.sizes.Sizes`.
    """
    absent = {s.value for s in table} - set(found)
    outside = {value for chain in chains for value in _beyond_border(chain, found)}
    groups: list[tuple[Severity, set[int], str]] = [
        (Severity.LOOK, outside, "missing beyond the border of the volume"),
    ]
    absent -= outside
    if plan is None:
        groups.append((Severity.LOOK, absent, "missing"))
    else:
        caps = absent & set(plan.epiphyses)
        wrong = wrongly_absent(plan, caps, outside, log_scale)
        many = len(wrong) > _MANY * max(1, len(plan.epiphyses))
        groups += [
            (Severity.BAD, absent - caps, "missing"),
            (
                Severity.BAD if many else Severity.LOOK,
                wrong,
                "missing though others show that it should have ossified",
            ),
            (Severity.OK, caps - wrong, "absent as before ossification or after fusion"),
        ]
    return [
        Finding("missing", severity, tuple(sorted(values)), f"{_listed(values, table)}: {what}")
        for severity, values, what in groups
        if values
    ]


def wrongly_absent(
    plan: HandPlan, absent: Collection[int], unknown: Collection[int], log_scale: float | None
) -> set[int]:
    """Return the epiphyses that are absent though no age explains it.

    Of all ages (and both sexes) at which a hand has this size, the one counts that explains most of
    the pattern of present and absent epiphyses.

    Args:
        plan: The bones.
        absent: Label values of the absent epiphyses.
        unknown: Those that nothing can be said of.
        log_scale: Size of the hand, None where it is unknown.
    """
    bones = {v: b for v, b in plan.epiphyses.items() if v not in unknown}
    best: tuple[float, set[int]] | None = None
    for sex in COMPLETE_AGE_YEARS:
        for age in _AGES_YEARS:
            size = log(relative_size(float(age), sex))
            if log_scale is not None and abs(size - log_scale) > _SIZE_TOLERANCE:
                continue
            states = {value: _states(bone, float(age), sex) for value, bone in bones.items()}
            differing = sum((v in absent) == (states[v][1] == "ossified") for v in bones)
            # Of equals the age of this size, at which a single absent one is odd.
            cost = differing + abs(size - (log_scale or size))
            if best is None or cost < best[0]:
                best = (cost, {v for v in bones if v in absent and set(states[v]) == {"ossified"}})
    return best[1] if best else set(absent)


def _states(bone: Bone, age_years: float, sex: Sex) -> tuple[EpiphysisState, ...]:
    """Return the state of an epiphysis if it is behind, on time, and ahead."""
    ray, segment = bone.key
    return tuple(
        epiphysis_state(age_years + shift, ray, segment, sex)
        for shift in (-_SHIFT_YEARS, 0.0, _SHIFT_YEARS)
    )


def _beyond_border(chain: Sequence[int], found: Mapping[int, Found]) -> set[int]:
    """Return the absent end of a chain where the structure before it touches the border."""
    beyond: set[int] = set()
    for way in (tuple(chain), tuple(reversed(chain))):
        first = next((index for index, value in enumerate(way) if value in found), None)
        if first and found[way[first]].at_border:
            beyond |= set(way[:first])
    return beyond


def _listed(values: Collection[int], table: LabelTable) -> str:
    return ", ".join(table[value].name for value in sorted(values))
