import pytest
from pydantic import ValidationError

from amcnet.training.adaptation.scan_verdict import ScanVerdict, Verdicts, make_verdict


def structure(name: str, predicted: float | None, confidence: float | None) -> dict[str, object]:
    return {
        "name": name,
        "present": True,
        "predicted_dice": predicted,
        "confidence": confidence,
    }


def finding(kind: str, severity: str, *values: int) -> dict[str, object]:
    return {"kind": kind, "severity": severity, "structures": values}


def verdicts(*dice: float, implausible: int = 0) -> Verdicts:
    return Verdicts(
        scans=tuple(
            ScanVerdict(scan=f"{n}", implausible=implausible, expected_dice=d, sure=1)
            for n, d in enumerate(dice)
        )
    )


def test_the_prediction_counts_more_than_the_confidence() -> None:
    found = [structure("a", 0.4, 0.99), structure("b", None, 0.8)]
    verdict = make_verdict("scan", {"findings": [], "structures": found}, sure=0.7)
    assert verdict.expected_dice == pytest.approx(0.6)
    assert verdict.unsure == ("a",)
    assert verdict.implausible == 0


def test_a_missing_structure_lowers_the_expectation_but_is_not_unsure() -> None:
    found = [structure("a", 0.9, 0.9), {"name": "b", "present": False}]
    verdict = make_verdict("scan", {"findings": [], "structures": found}, sure=0.95)
    assert verdict.expected_dice == pytest.approx(0.45)
    assert verdict.unsure == ("a",)


def test_implausible_are_structures_whatever_the_confidence() -> None:
    findings = [
        finding("size", "bad", 1, 2),
        finding("order", "look", 2),
        finding("missing", "ok", 3),
        finding("prediction", "bad", 4, 5),
        finding("confidence", "look", 6),
    ]
    details = {"findings": findings, "structures": [structure("a", 0.9, 0.9)]}
    assert make_verdict("scan", details, sure=0.5).implausible == 2


def test_more_implausible_structures_are_worse_whatever_the_dice() -> None:
    assert verdicts(0.6, 0.8).are_better_than(verdicts(0.6, 0.7))
    assert not verdicts(0.6, 0.7).are_better_than(verdicts(0.6, 0.7))
    assert not verdicts(0.9, 0.9, implausible=1).are_better_than(verdicts(0.5, 0.5))
    assert verdicts(0.6, 0.6).are_better_than(verdicts(0.5, 0.5, implausible=1))


def test_there_is_no_verdict_without_scans() -> None:
    with pytest.raises(ValidationError):
        Verdicts(scans=())
