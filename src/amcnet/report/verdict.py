"""The quality verdict on a segmentation, quickly and in a line or two."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.inference import Segmentation
from amcnet.measurement import Measurement, measure_structures
from amcnet.quality import QualityReport, check_segmentation
from amcnet.quality.hand_plan import plan_of
from amcnet.quality.image_checks import image_findings

_NO_HAND = ("nothing", "unlike a hand")

Region = tuple[slice, slice, slice]


def is_hand_table(table: LabelTable) -> bool:
    """Return whether a table names enough bones of the hand to be checked as one."""
    return plan_of(table) is not None


def region_of_labels(labels: NDArray[np.integer[Any]]) -> Region:
    """Return the bounding box of all structures with a voxel of background around it.

    What is in the box has the same sizes and the same findings as the whole volume, since a
    structure lies at the border of the box only where it lies at that of the volume. The box of
    a volume without structures is its first voxel.

    Args:
        labels: Integer labels, (scan, lateral, depth).
    """
    seen = np.bitwise_or.reduce(labels, axis=0)
    scan = _with_margin(np.array([plane.any() for plane in labels]))
    return scan, _with_margin(seen.any(axis=1)), _with_margin(seen.any(axis=0))


def check_quickly(result: Segmentation) -> QualityReport:
    """Return what :func:`amcnet.quality.check_result` does, without passing over all background."""
    labels = result.labels[region_of_labels(result.labels)]
    return check_segmentation(labels, result.spacing_mm, result.table, result.confidence)


def measure_quickly(result: Segmentation) -> list[Measurement]:
    """Measure all structures without passing over all background; places are within their box."""
    labels = result.labels[region_of_labels(result.labels)]
    return measure_structures(labels, result.spacing_mm, result.table, result.confidence)


def with_image(quality: QualityReport, image: NDArray[Any]) -> QualityReport:
    """Return a report with what is to be said of the image too, (scan, lateral, depth)."""
    findings = [*image_findings(image), *quality.findings]
    findings.sort(key=lambda finding: -finding.severity)
    return replace(quality, findings=tuple(findings))


def is_no_hand(quality: QualityReport) -> bool:
    """Return whether a hand was looked for and none was found."""
    kinds = {finding.kind for finding in quality.findings}
    return is_hand_table(quality.table) and not kinds.isdisjoint(_NO_HAND)


def verdict_text(quality: QualityReport) -> str:
    """Return the verdict and the worst findings in one or two lines."""
    if is_no_hand(quality):
        finding = next(f for f in quality.findings if f.kind in _NO_HAND)
        return f"{quality.verdict}: no hand: {finding.message}"
    messages = [finding.message for finding in quality.findings]
    if not messages:
        return f"{quality.verdict}: nothing suspicious"
    more = f" (and {len(messages) - 2} more)" if len(messages) > 2 else ""
    return "\n".join([f"{quality.verdict}: {messages[0]}", *messages[1:2]]) + more


def _with_margin(seen: NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(seen)
    if not found.size:
        return slice(0, 1)
    return slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2)
