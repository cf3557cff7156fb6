"""What a model says about its own labels of scans whose true labels are unknown."""

from collections.abc import Mapping
from statistics import mean
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from amcnet.quality import Severity

_KINDS = ("missing", "order", "size", "pieces")  # findings that do not rest on confidence


class ScanVerdict(BaseModel):
    """Verdict on the labels of one scan.

    Attributes:
        scan: Name of the scan.
        implausible: Number of structures that the quality check finds missing, in the wrong order,
            of implausible size or in pieces.
        expected_dice: Mean over all structures of the label table, see :func:`expectation`; 0 for
            those that were not found.
        sure: Number of structures that were found and are learned from.
        unsure: Names of the structures that were found and are excluded from training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scan: str
    implausible: int = Field(ge=0)
    expected_dice: float = Field(ge=0, le=1)
    sure: int = Field(ge=0)
    unsure: tuple[str, ...] = ()


class Verdicts(BaseModel):
    """Verdicts of one model on several scans.

    Attributes:
        scans: One for each scan.

    Example:
        >>> scan = ScanVerdict(scan="a", implausible=2, expected_dice=0.7, sure=3)
        >>> before = Verdicts(scans=(scan,))
        >>> after = Verdicts(scans=(scan.model_copy(update={"expected_dice": 0.8}),))
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
    def implausible(self) -> int:
        """Number of implausible structures in all scans."""
        return sum(one.implausible for one in self.scans)

    @property
    def sure(self) -> int:
        """Number of structures in all scans that can be learned from."""
        return sum(one.sure for one in self.scans)

    def are_better_than(self, others: "Verdicts") -> bool:
        """Return whether the expected Dice is higher and no more structures are implausible.

        The plausibility does not depend on the networks' confidence, which always rises.
        """
        higher = self.expected_dice > others.expected_dice
        return higher and self.implausible <= others.implausible


def make_verdict(scan: str, details: Mapping[str, Any], sure: float) -> ScanVerdict:
    """Return the verdict on a scan.

    Args:
        scan: Name of the scan.
        details: Findings and structures, see :attr:`amcnet.workflows.SegmentedFile.details`.
        sure: Structures with a lower expected Dice are unsure.

    Example:
        >>> found = {"name": "femur", "present": True, "predicted_dice": 0.9, "confidence": 0.8}
        >>> missing = {"name": "tibia", "present": False}
        >>> finding = {"kind": "missing", "severity": "look", "structures": [2]}
        >>> details = {"findings": [finding], "structures": [found, missing]}
        >>> verdict = make_verdict("knee", details, 0.7)
        >>> verdict.expected_dice, verdict.implausible
        (0.45, 1)
    """
    structures = details["structures"]
    expected = [expectation(one) for one in structures]
    flagged = {
        value
        for finding in details["findings"]
        if finding["kind"] in _KINDS and finding["severity"] != str(Severity.OK)
        for value in finding["structures"]
    }
    unsure = tuple(
        str(one["name"])
        for one, dice in zip(structures, expected, strict=True)
        if one["present"] and dice < sure
    )
    return ScanVerdict(
        scan=scan,
        implausible=len(flagged),
        expected_dice=mean(expected),
        sure=sum(bool(one["present"]) for one in structures) - len(unsure),
        unsure=unsure,
    )


def expectation(structure: Mapping[str, Any]) -> float:
    """Return the predicted Dice of a structure, 0 if it was not found.

    For a model without calibration it is the mean probability of the structure's voxels instead.
    """
    if not structure["present"]:
        return 0.0
    predicted, confidence = structure["predicted_dice"], structure["confidence"]
    return float(predicted if predicted is not None else confidence or 0.0)
