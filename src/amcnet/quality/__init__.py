"""A verdict on a segmentation: what is missing, in pieces, out of order or of implausible size."""

from amcnet.quality.check import check_result, check_segmentation
from amcnet.quality.findings import SEVERITY_COLOR_RGB, Finding, QualityReport, Severity

__all__ = [
    "SEVERITY_COLOR_RGB",
    "Finding",
    "QualityReport",
    "Severity",
    "check_result",
    "check_segmentation",
]
