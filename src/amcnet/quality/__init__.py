"""Quality check: missing, fragmented, misplaced or implausibly sized structures."""

from amcnet.quality.check import add_image_findings, check_segmentation
from amcnet.quality.findings import SEVERITY_COLOR_RGB, Finding, QualityReport, Severity
from amcnet.quality.hand_plan import is_hand_table

__all__ = [
    "SEVERITY_COLOR_RGB",
    "Finding",
    "QualityReport",
    "Severity",
    "add_image_findings",
    "check_segmentation",
    "is_hand_table",
]
