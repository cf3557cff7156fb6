"""Find absent structures that should exist at the skeletal age."""

from collections.abc import Collection, Mapping, Sequence

from amcnet.anatomy import LabelTable
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.hand_plan import HandPlan
from amcnet.quality.maturity import Maturity
from amcnet.quality.observation import Found
from amcnet.quality.size_checks import Sizes

_MANY = 0.5  # share of the epiphyses; if more are missing, the whole segmentation is bad


def missing_findings(
    table: LabelTable,
    found: Mapping[int, Found],
    chains: Sequence[Sequence[int]],
    plan: HandPlan | None,
    sizes: Sizes,
) -> tuple[list[Finding], set[int]]:
    """Return findings on missing structures, and the structures that lie beyond the border.

    Args:
        table: All structures.
        found: Structures that are present.
        chains: Label values along each chain.
        plan: The bones of the hand, None for other tables.
        sizes: Provides the skeletal age and the fused epiphyses.
    """
    absent = {s.value for s in table} - set(found)
    outside = {value for chain in chains for value in _beyond_border(chain, found)}
    if plan is not None and sizes.maturity is not None:
        states = {
            v: sizes.maturity.states(plan.epiphyses[v]) for v in outside & set(plan.epiphyses)
        }
        outside -= {value for value, each in states.items() if "ossified" not in each}
    groups: list[tuple[Severity, set[int], str]] = []
    absent -= outside
    if plan is None:
        groups.append((Severity.LOOK, absent, "missing"))
    else:
        caps = absent & set(plan.epiphyses)
        wrong = wrongly_absent(plan, caps, sizes.maturity, sizes.room.fused)
        many = len(wrong) > _MANY * max(1, len(plan.epiphyses))
        groups += [
            (Severity.BAD, absent - caps, "missing"),
            (
                Severity.BAD if many else Severity.LOOK,
                wrong,
                "missing, although the other epiphyses show that it should have ossified",
            ),
            (Severity.OK, caps - wrong, "absent as before ossification or after fusion"),
        ]
    findings = [
        Finding("missing", severity, tuple(sorted(values)), f"{_listed(values, table)}: {what}")
        for severity, values, what in groups
        if values
    ]
    return findings, outside


def wrongly_absent(
    plan: HandPlan,
    absent: Collection[int],
    maturity: Maturity | None,
    fused: Mapping[int, bool],
) -> set[int]:
    """Return the absent epiphyses whose absence neither age nor fusion explains.

    Args:
        plan: The bones.
        absent: Label values of the absent epiphyses.
        maturity: Skeletal age, None if no age fits the hand.
        fused: See :class:`amcnet.quality.joint_gaps.Room`.
    """
    if maturity is None:
        return set(absent)
    wrong = set()
    for value in absent:
        states = set(maturity.states(plan.epiphyses[value]))
        # A bone that leaves a gap has not fused, whatever the age.
        possible = {"not ossified"} if fused.get(value) is False else {"not ossified", "fused"}
        if not states & possible:
            wrong.add(value)
    return wrong


def _beyond_border(chain: Sequence[int], found: Mapping[int, Found]) -> set[int]:
    """Return the absent end of a chain whose last present structure touches the border."""
    beyond: set[int] = set()
    for way in (tuple(chain), tuple(reversed(chain))):
        first = next((index for index, value in enumerate(way) if value in found), None)
        if first and found[way[first]].at_border:
            beyond |= set(way[:first])
    return beyond


def _listed(values: Collection[int], table: LabelTable) -> str:
    return ", ".join(table[value].name for value in sorted(values))
