"""Gaps between consecutive structures, and evidence on absent epiphyses.

A bone that is short by nature lies as close to its neighbours as any other. A bone that was
labelled too small leaves excess gaps at its ends: only its own surface has receded.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from scipy.spatial import KDTree

from amcnet.quality.hand_plan import HandPlan
from amcnet.quality.observation import Found

# Between two shafts with an absent epiphysis: a gap of at least half its thickness is more than a
# joint.
_OPEN_SHARE = 0.5
_FEWEST = 3
# Between bones whose epiphyses have all fused or have not ossified yet.
_JOINT_MM = 1.5


class Gaps:
    """Distances between the surfaces of structures, each measured once.

    Args:
        found: Label value -> structure, for present structures.
    """

    def __init__(self, found: Mapping[int, Found]) -> None:
        self.found = found
        self._trees: dict[int, KDTree] = {}
        self._gaps_mm: dict[tuple[int, int], float] = {}

    def mm(self, first: int, second: int) -> float:
        """Return the smallest distance between the surfaces of two structures."""
        key = (min(first, second), max(first, second))
        if key not in self._gaps_mm:
            low, high = sorted(key, key=lambda value: len(self.found[value].surface_mm))
            distance, _ = self._tree(high).query(self.found[low].surface_mm)
            self._gaps_mm[key] = float(distance.min())
        return self._gaps_mm[key]

    def _tree(self, value: int) -> KDTree:
        if value not in self._trees:
            self._trees[value] = KDTree(self.found[value].surface_mm)
        return self._trees[value]


@dataclass(frozen=True)
class Stretch:
    """Two present structures that follow each other in a chain, and the absent ones between them.

    Attributes:
        ends: Their label values.
        absent: Label values of the absent structures.
    """

    ends: tuple[int, int]
    absent: tuple[int, ...]


def stretches_of(chain: Sequence[int], found: Mapping[int, Found]) -> list[Stretch]:
    """Return the stretches of a chain, in its order."""
    places = [index for index, value in enumerate(chain) if value in found]
    return [
        Stretch((chain[one], chain[other]), tuple(chain[one + 1 : other]))
        for one, other in itertools.pairwise(places)
    ]


@dataclass(frozen=True)
class Room:
    """Evidence from the gaps of a hand.

    Attributes:
        fused: Label value of an absent epiphysis -> whether its bone reaches the next one, as after
            fusion, or ends before it. Epiphyses with an inconclusive gap are omitted.
        excess_mm: Label value -> sum of the excess of the gaps at both ends over the usual gap in
            this hand. Structures without a known gap are omitted.
    """

    fused: Mapping[int, bool] = field(default_factory=dict)
    excess_mm: Mapping[int, float] = field(default_factory=dict)


def measure_room(
    plan: HandPlan, gaps: Gaps, chains: Sequence[Sequence[int]], log_scale: float
) -> Room:
    """Compare the gaps of a hand with each other.

    The usual gap is the median over the same joint of all fingers, or over all gaps if that is
    wider.

    Args:
        plan: The bones.
        gaps: Gaps between structures.
        chains: Label values along each chain.
        log_scale: Size of the hand, see :class:`amcnet.quality.size_checks.Sizes`.
    """
    found = gaps.found
    stretches = [
        stretch
        for chain in chains
        for stretch in stretches_of(chain, found)
        if all(v in plan.epiphyses for v in stretch.absent)
        and not any(found[v].at_border for v in stretch.ends)
    ]
    gap_mm = {stretch: gaps.mm(*stretch.ends) for stretch in stretches}
    direct_mm = [gap_mm[stretch] for stretch in stretches if not stretch.absent]
    joint_mm = median(direct_mm) if len(direct_mm) >= _FEWEST else _JOINT_MM
    cartilage_mm = {value: bone.cartilage_mm(log_scale) for value, bone in plan.epiphyses.items()}
    fused: dict[int, bool] = {}
    for stretch in stretches:
        between_mm = [cartilage_mm[value] for value in stretch.absent]
        spare_mm = gap_mm[stretch] - joint_mm
        slack_mm = _OPEN_SHARE * min(between_mm, default=0.0)
        if spare_mm < slack_mm:
            fused |= dict.fromkeys(stretch.absent, True)
        elif spare_mm > sum(between_mm) - slack_mm:
            fused |= dict.fromkeys(stretch.absent, False)
    fused = _by_segment(plan, fused)
    bare_mm = {
        stretch: mm - sum(cartilage_mm[v] for v in stretch.absent if not fused[v])
        for stretch, mm in gap_mm.items()
        if all(value in fused for value in stretch.absent)
    }
    return Room(fused, _excess_mm(plan, bare_mm, joint_mm))


def _excess_mm(
    plan: HandPlan, bare_mm: Mapping[Stretch, float], joint_mm: float
) -> dict[int, float]:
    """Return the excess of each structure's gaps over the usual gap, without cartilage."""
    rows_mm: dict[tuple[str, ...], list[float]] = {}
    for stretch, mm in bare_mm.items():
        rows_mm.setdefault(_joint(plan, stretch), []).append(mm)
    excess_mm: dict[int, float] = {}
    for stretch, mm in bare_mm.items():
        row = rows_mm[_joint(plan, stretch)]
        usual_mm = max(joint_mm, median(row)) if len(row) >= _FEWEST else joint_mm
        for value in stretch.ends:
            excess_mm[value] = excess_mm.get(value, 0.0) + max(0.0, mm - usual_mm)
    return excess_mm


def _joint(plan: HandPlan, stretch: Stretch) -> tuple[str, ...]:
    """Return the segments at both ends, equal for the same joint of all fingers.

    A structure that the plan does not know, such as a renamed one, is a segment of its own.
    """
    return tuple(plan.segments.get(value, f"label {value}") for value in stretch.ends)


def _by_segment(plan: HandPlan, fused: Mapping[int, bool]) -> dict[int, bool]:
    """Replace the evidence by the majority of its segment, if several epiphyses give evidence.

    Epiphyses of a segment fuse within weeks of each other, and a bone that was labelled too small
    also leaves a gap.
    """
    result = dict(fused)
    for value in fused:
        segment = plan.epiphyses[value].key[1]
        row = [fused[v] for v in fused if plan.epiphyses[v].key[1] == segment]
        if len(row) >= _FEWEST and sum(row) * 2 != len(row):
            result[value] = sum(row) * 2 > len(row)
    return result
