"""Why no hand was found in a volume, and what to do about it."""

from dataclasses import replace

import numpy as np

from amcnet.inference.segmenter import Prepared
from amcnet.io.spacing_doubts import doubtful_spacing
from amcnet.quality import QualityReport
from amcnet.report.verdict import NO_HAND_KINDS

_BRIGHT_SHARE = 0.6  # of the voxels above the middle of the range: water and shadow are dark


def with_remedy(quality: QualityReport, prepared: Prepared, searched: bool) -> QualityReport:
    """Return a check that found no hand with the likely causes and their remedies in its message.

    Args:
        quality: The check.
        prepared: The volume on the network's grid.
        searched: Whether other axes were tried already.
    """
    remedy = "; ".join(causes(prepared, searched))
    findings = tuple(
        replace(finding, message=f"{finding.message}; {remedy}")
        if finding.kind in NO_HAND_KINDS
        else finding
        for finding in quality.findings
    )
    return replace(quality, findings=findings)


def causes(prepared: Prepared, searched: bool) -> list[str]:
    """Return the likely causes why no hand was found, each with its remedy, the likeliest first."""
    found = []
    doubt = doubtful_spacing(prepared.geometry)
    if doubt is not None:
        found.append(doubt)
    if looks_inverted(prepared.image[0]):
        found.append("most of the image is bright: if its intensities are inverted, invert them")
    if searched:
        found.append("no other order or direction of the axes shows a hand either")
    else:
        found.append(
            "if scan or depth are reversed or axes are exchanged, let --axes=search find them"
        )
    return found


def looks_inverted(image: np.ndarray) -> bool:
    """Return whether most of an image is brighter than the middle of its range.

    Args:
        image: Intensities of any shape.

    >>> dark = np.zeros(100)
    >>> dark[:20] = 1
    >>> looks_inverted(dark), looks_inverted(1 - dark)
    (False, True)
    """
    low, high = np.percentile(image, (1, 99))
    return bool(high > low and (image > (low + high) / 2).mean() > _BRIGHT_SHARE)
