"""What a model says about its own labels of scans whose true labels are unknown."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from amcnet.quality import Severity


class ScanVerdict(BaseModel):
    """Verdict on the labels of one scan.

    Attributes:
        scan: Name of the scan.
        is_bad: Whether the quality check calls the labels bad.
        expected_dice: Mean over all structures of the label table, see :func:`expectation`; 0 for
            those that were not found.
        unsure: Names of the structures that were found and are excluded from training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scan: str
    is_bad: bool
    expected_dice: float = Field(ge=0, le=1)
    unsure: tuple[str, ...] = ()


class Verdicts(BaseModel):
    """Verdicts of one model on several scans.

    Attributes:
        scans: One for each scan.

    Example:
        >>> before = Verdicts(scans=(ScanVerdict(scan="a", is_bad=False, expected_dice=0.7),))
        >>> after = Verdicts(scans=(ScanVerdict(scan="a", is_bad=False, expected_dice=0.8),))
        >>> after.are_better_than(before), before.are_better_than(before)
        (True, False)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scans: tuple[ScanVerdict, ...] = Field(min_length=1)

    @property
    def expected_dice(self) -> float:
        """Mean expected Dice of all scans."""
        return mean(one.expected_dice for one in self.scans)

    @property
    def bad(self) -> int:
        """Number of scans whose labels are called bad."""
        return sum(one.is_bad for one in self.scans)

    def are_better_than(self, others: "Verdicts") -> bool:
        """Return whether no more scans are bad, and the expected Dice is higher."""
        return self.bad <= others.bad and self.expected_dice > others.expected_dice


def make_verdict(
    scan: str, severity: str, structures: Sequence[Mapping[str, Any]], sure: float
) -> ScanVerdict:
    """Return the verdict on a scan.

    Args:
        scan: Name of the scan.
        severity: Verdict of the quality check: ``ok``, ``look`` or ``bad``.
        structures: All structures of the label table, as in
            :attr:`amcnet.workflows.SegmentedFile.details`.
        sure: Structures with a lower expected Dice are unsure.

    Example:
        >>> found = {"name": "femur", "present": True, "predicted_dice": 0.9, "confidence": 0.8}
        >>> missing = {"name": "tibia", "present": False}
        >>> make_verdict("knee", "look", [found, missing], 0.7).expected_dice
        0.45
    """
    expected = {str(one["name"]): expectation(one) for one in structures}
    return ScanVerdict(
        scan=scan,
        is_bad=severity == str(Severity.BAD),
        expected_dice=mean(expected.values()),
        unsure=tuple(
            str(one["name"])
            for one in structures
            if one["present"] and expected[str(one["name"])] < sure
        ),
    )


def expectation(structure: Mapping[str, Any]) -> float:
    """Return the predicted Dice of a structure, 0 if it was not found.

    For a model without calibration it is the mean probability of the structure's voxels instead.
    """
    if not structure["present"]:
        return 0.0
    predicted, confidence = structure["predicted_dice"], structure["confidence"]
    return float(predicted if predicted is not None else confidence or 0.0)
