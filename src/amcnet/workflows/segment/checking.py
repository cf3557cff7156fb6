"""Quality check of a segmentation, and advice if it does not show a hand."""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from amcnet.inference import Segmentation
from amcnet.inference.prepared import Prepared
from amcnet.quality import QualityReport, Severity, check_segmentation
from amcnet.quality.dice_prediction import DiceEvidence
from amcnet.quality.findings import NO_HAND_KINDS
from amcnet.quality.no_hand import image_causes

_UNSURE = 0.86  # mean confidence of the structures below which the axes may be wrong


def check(result: Segmentation, image: NDArray[Any] | None = None) -> QualityReport:
    """Check a result of a model, including its confidence, and predict Dice coefficients.

    Args:
        result: All labels found.
        image: Intensities of the volume, (scan, lateral, depth), also checked if given.
    """
    return check_segmentation(
        result.labels,
        result.spacing_mm,
        result.table,
        result.confidence,
        image,
        dice_evidence(result),
    )


def dice_evidence(result: Segmentation) -> DiceEvidence | None:
    """Return the basis of predicted Dice coefficients; None for a model without calibration."""
    if result.dice_weights is None:
        return None
    return DiceEvidence(result.evidence, result.dice_weights)


def with_prediction(result: Segmentation, quality: QualityReport | None) -> Segmentation:
    """Return a result with the Dice coefficients that its check predicts."""
    if quality is None:
        return result
    return replace(result, predicted_dice=dict(quality.predicted_dice))


def looks_turned(result: Segmentation, quality: QualityReport) -> bool:
    """Return whether labels suggest that the axes of the volume are wrong.

    This is the case if no hand was found. With reversed depth, bones may still be found, but the
    verdict is not ok and the confidence in most structures is low.
    """
    if quality.is_no_hand:
        return True
    means = list(result.confidence.values())
    return quality.verdict is not Severity.OK and sum(means) < _UNSURE * len(means)


def is_better(result: Segmentation, quality: QualityReport, than: Segmentation) -> bool:
    """Return whether labels with other axes show a hand with higher confidence."""
    return not quality.is_no_hand and sum_of_confidence(result) > sum_of_confidence(than)


def sum_of_confidence(result: Segmentation) -> float:
    """Return the sum of the mean probabilities of the structures found."""
    return sum(result.confidence.values())


def with_remedy(quality: QualityReport, prepared: Prepared, searched: bool) -> QualityReport:
    """Add causes in the image and advice to a report that found no hand.

    Args:
        quality: The report.
        prepared: The volume on the network's grid.
        searched: Whether other axes have been tried.
    """
    tried = "No other order or direction of the axes shows a hand."
    remedy = tried if searched else "Let --axes=search look for the order and direction of axes."
    hints = " ".join([*image_causes(prepared.image[0]), remedy])
    findings = tuple(
        replace(finding, message=f"{finding.message} {hints}")
        if finding.kind in NO_HAND_KINDS
        else finding
        for finding in quality.findings
    )
    return replace(quality, findings=findings)
