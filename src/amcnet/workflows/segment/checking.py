"""The quality check of a segmentation, and what to do where it is no hand."""

from dataclasses import replace

from amcnet.inference import Segmentation
from amcnet.inference.segmenter import Prepared
from amcnet.quality import QualityReport, Severity, check_segmentation
from amcnet.quality.findings import NO_HAND_KINDS
from amcnet.quality.no_hand import image_causes

_UNSURE = 0.75  # mean confidence of the structures of a hand that may lie another way


def check(result: Segmentation) -> QualityReport:
    """Check what a model gave, its confidence included."""
    return check_segmentation(result.labels, result.spacing_mm, result.table, result.confidence)


def looks_turned(result: Segmentation, quality: QualityReport) -> bool:
    """Return whether labels look as if the axes of their volume were taken wrongly.

    They do where no hand was found. With depth reversed, bones may still be found, but the check
    calls the hand bad and the network is unsure of most structures.
    """
    if quality.is_no_hand:
        return True
    means = list(result.confidence.values())
    return quality.verdict is Severity.BAD and sum(means) < _UNSURE * len(means)


def is_better(result: Segmentation, quality: QualityReport, than: Segmentation) -> bool:
    """Return whether labels with other axes are a hand, and more certain than those before."""
    return not quality.is_no_hand and sum_of_confidence(result) > sum_of_confidence(than)


def sum_of_confidence(result: Segmentation) -> float:
    """Return the sum of the mean probabilities of all structures that were found."""
    return sum(result.confidence.values())


def with_remedy(quality: QualityReport, prepared: Prepared, searched: bool) -> QualityReport:
    """Return a check that found no hand with causes in the image, and what to try, in its message.

    Args:
        quality: The check.
        prepared: The volume on the network's grid.
        searched: Whether other axes were tried already.
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
