"""Findings of a quality check, and the report that holds them with a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.errors import one_line
from amcnet.quality.hand_plan import is_hand_table
from amcnet.short_repr import short_repr


class Severity(IntEnum):
    """Severity of a finding; a higher value is worse.

    Example:
        >>> max(Severity.OK, Severity.BAD), str(Severity.LOOK)
        (<Severity.BAD: 2>, 'look')
    """

    OK = 0
    LOOK = 1
    BAD = 2

    def __str__(self) -> str:
        return self.name.lower()


SEVERITY_COLOR_RGB = {
    Severity.OK: (0, 158, 115),
    Severity.LOOK: (230, 159, 0),
    Severity.BAD: (213, 94, 0),
}
"""Green, orange and red of the Okabe-Ito palette, which colour-blind readers can distinguish."""


NO_HAND_KINDS = ("nothing", "unlike a hand")
"""Kinds of findings that say that labels with a hand's names do not show a hand."""


@dataclass(frozen=True)
class Finding:
    """One finding of a quality check.

    Attributes:
        kind: ``nothing``, ``unlike a hand``, ``missing``, ``pieces``, ``order``, ``size``,
            ``scale``, ``border``, ``prediction``, ``confidence`` or ``image``.
        severity: ``OK`` is a note that needs no action.
        structures: Label values that it concerns; none if it concerns the whole segmentation.
        message: One sentence.
        measure: ``length`` or ``volume`` if the finding is about that size, else empty.
        reasons: Label value -> what is said about this structure alone, where the message lists
            several.

    Example:
        >>> Finding("missing", Severity.LOOK, (3,), "proximal phalanx of thumb: missing").severity
        <Severity.LOOK: 1>
    """

    kind: str
    severity: Severity
    structures: tuple[int, ...]
    message: str
    measure: str = ""
    reasons: Mapping[int, str] = field(default_factory=dict)

    def reason(self, value: int) -> str:
        """Return what to say next to a structure: its own reason, else the message."""
        return self.reasons.get(value, self.message)


def rounded_dice(dice: float | None) -> float | None:
    """Return a predicted Dice coefficient with as many decimals as it is worth."""
    return None if dice is None else round(dice, 3)


@dataclass(frozen=True)
class QualityReport:
    """The result of a quality check.

    Attributes:
        findings: The worst first.
        table: Meaning of the label values.
        present: Label values that the segmentation holds.
        unchecked: Checks that could not be made, one sentence each.
        predicted_dice: Label value -> predicted Dice coefficient, for the structures that are
            present; empty where none can be predicted.

    Example:
        >>> table = LabelTable.from_names(["liver", "spleen"])
        >>> finding = Finding("missing", Severity.LOOK, (2,), "spleen: missing")
        >>> report = QualityReport((finding,), table, (1,))
        >>> report.verdict, report.severity_of(1)
        (<Severity.LOOK: 1>, <Severity.OK: 0>)
        >>> print(report.text())
        look: 1 of 2 structures present
          look spleen: missing
    """

    findings: tuple[Finding, ...]
    table: LabelTable
    present: tuple[int, ...]
    unchecked: tuple[str, ...] = ()
    predicted_dice: Mapping[int, float] = field(default_factory=dict)
    __repr__ = short_repr

    @property
    def verdict(self) -> Severity:
        """Severity of the worst finding, ``OK`` without findings."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)

    @property
    def is_no_hand(self) -> bool:
        """Whether the labels are named as a hand's but do not look like one."""
        kinds = {finding.kind for finding in self.findings}
        return is_hand_table(self.table) and not kinds.isdisjoint(NO_HAND_KINDS)

    def summary(self) -> str:
        """Return the verdict, the worst finding and the prediction (or the next) in two lines."""
        if self.is_no_hand:
            finding = next(f for f in self.findings if f.kind in NO_HAND_KINDS)
            return f"{self.verdict}: no hand: {finding.message}"
        if not self.findings:
            return f"{self.verdict}: nothing suspicious"
        worst, *others = self.findings
        others.sort(key=lambda finding: finding.kind != "prediction")
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        second = [finding.message for finding in others[:1]]
        return "\n".join([f"{self.verdict}: {worst.message}", *second]) + more

    def severity_of(self, value: int) -> Severity:
        """Return the severity of the worst finding that concerns a structure."""
        about = (f.severity for f in self.findings if value in f.structures)
        return max(about, default=Severity.OK)

    def reasons(self, value: int) -> tuple[str, ...]:
        """Return what the findings say about one structure, the worst first."""
        return tuple(f.reason(value) for f in self.findings if value in f.structures)

    def colored_table(self) -> LabelTable:
        """Return the label table with each structure in the colour of its severity."""
        return LabelTable(
            tuple(
                replace(s, color_rgb=SEVERITY_COLOR_RGB[self.severity_of(s.value)])
                for s in self.table
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as data that JSON can hold."""
        return {
            "verdict": str(self.verdict),
            "found": len(self.present),
            "expected": len(self.table),
            "findings": [
                {
                    "kind": finding.kind,
                    "severity": str(finding.severity),
                    "structures": list(finding.structures),
                    "names": [self.table[value].name for value in finding.structures],
                    "message": finding.message,
                    "reasons": [finding.reason(value) for value in finding.structures],
                }
                for finding in self.findings
            ],
            "structures": [
                {
                    "label": structure.value,
                    "name": structure.name,
                    "present": structure.value in self.present,
                    "predicted_dice": rounded_dice(self.predicted_dice.get(structure.value)),
                    "severity": str(self.severity_of(structure.value)),
                    "color_rgb": list(SEVERITY_COLOR_RGB[self.severity_of(structure.value)]),
                }
                for structure in self.table
            ],
            "unchecked": list(self.unchecked),
        }

    def text(self) -> str:
        """Return the report as lines of text: the verdict, then one line per finding."""
        lines = [f"{self.verdict}: {len(self.present)} of {len(self.table)} structures present"]
        lines += [f"  {f.severity!s:<5}{one_line(f.message)}" for f in self.findings]
        lines += [f"  not checked: {reason}" for reason in self.unchecked]
        return "\n".join(lines)
