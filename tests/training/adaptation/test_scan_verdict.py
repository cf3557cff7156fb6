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


def verdicts(*dice: float, bad: int = 0) -> Verdicts:
    rows = enumerate(dice)
    return Verdicts(
        scans=tuple(ScanVerdict(scan=f"{n}", is_bad=n < bad, expected_dice=d) for n, d in rows)
    )


def test_the_prediction_counts_more_than_the_confidence() -> None:
    found = [structure("a", 0.4, 0.99), structure("b", None, 0.8)]
    verdict = make_verdict("scan", "look", found, sure=0.7)
    assert verdict.expected_dice == pytest.approx(0.6)
    assert verdict.unsure == ("a",)
    assert not verdict.is_bad


def test_a_missing_structure_lowers_the_expectation_but_is_not_unsure() -> None:
    found = [structure("a", 0.9, 0.9), {"name": "b", "present": False}]
    verdict = make_verdict("scan", "bad", found, sure=0.95)
    assert verdict.expected_dice == pytest.approx(0.45)
    assert verdict.unsure == ("a",)
    assert verdict.is_bad


def test_one_more_bad_scan_is_worse_whatever_the_dice() -> None:
    assert verdicts(0.6, 0.8).are_better_than(verdicts(0.6, 0.7))
    assert not verdicts(0.6, 0.7).are_better_than(verdicts(0.6, 0.7))
    assert not verdicts(0.9, 0.9, bad=1).are_better_than(verdicts(0.5, 0.5))
    assert verdicts(0.6, 0.6).are_better_than(verdicts(0.5, 0.5, bad=1))


def test_there_is_no_verdict_without_scans() -> None:
    with pytest.raises(ValidationError):
        Verdicts(scans=())
