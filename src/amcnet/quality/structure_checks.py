"""Checks of any structure: components, the border of the volume, confidence."""

from collections.abc import Iterable, Sequence
from statistics import median

from amcnet.anatomy import Structure
from amcnet.quality.findings import Finding, Severity
from amcnet.quality.observation import FACES, Found

# Share of a structure outside its largest component: specks need review, a second part is bad.
_SPECKS_SHARE = 0.02
_PARTS_SHARE = 0.1
# Mean probability over a structure. Of the bundled model's structures at 60 to 70 %, half have a
# Dice below 0.5 (ten phantoms with --variety full); of those above 70 %, one in ten.
_UNSURE = 0.7
_VERY_UNSURE = 0.5
_UNSURE_OF_MOST = 0.6  # as the median
_NAMES_SHOWN = 4


def loose_share(one: Found) -> float:
    """Return the share of a structure's voxels outside its largest component."""
    return 1 - one.piece_voxels[0] / sum(one.piece_voxels)


def piece_findings(found: Iterable[Found]) -> list[Finding]:
    """Return findings on structures with several components."""
    findings = []
    for one in found:
        share = loose_share(one)
        if share < _SPECKS_SHARE:
            continue
        severity = Severity.BAD if share >= _PARTS_SHARE else Severity.LOOK
        message = (
            f"{one.structure.name}: is in {len(one.piece_voxels)} pieces, "
            f"{100 * share:.0f} % of it outside the largest"
        )
        findings.append(Finding("pieces", severity, (one.structure.value,), message))
    return findings


def border_findings(found: Iterable[Found], beyond: Sequence[Structure]) -> list[Finding]:
    """Return one finding on everything that the border of the volume cuts, if it cuts anything.

    Args:
        found: The structures that are present.
        beyond: Structures that must lie outside the volume.
    """
    cut = [one for one in found if one.at_border]
    if not cut:
        return []
    faces = [face for face in FACES if any(face in one.faces for one in cut)]
    message = (
        f"the scan ends here: {_some([one.structure for one in cut])} "
        f"{'reaches' if len(cut) == 1 else 'reach'} the border of the volume "
        f"({', '.join(faces)}), so that {'its size is' if len(cut) == 1 else 'their sizes are'} "
        "unknown"
    )
    if beyond:
        message += f"; {_some(beyond)} {'lies' if len(beyond) == 1 else 'lie'} beyond it"
    values = {one.structure.value for one in cut} | {structure.value for structure in beyond}
    return [Finding("border", Severity.LOOK, tuple(sorted(values)), message)]


def _some(structures: Sequence[Structure]) -> str:
    names = [structure.name for structure in structures]
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def confidence_findings(found: Iterable[Found]) -> list[Finding]:
    """Return findings on structures of low confidence."""
    findings = []
    for one in found:
        confidence = one.size.confidence
        if confidence is not None and confidence < _UNSURE:
            severity = Severity.BAD if confidence < _VERY_UNSURE else Severity.LOOK
            message = f"{one.structure.name}: the model is unsure of it ({100 * confidence:.0f} %)"
            findings.append(Finding("confidence", severity, (one.structure.value,), message))
    return findings


def overall_confidence_findings(found: Iterable[Found]) -> list[Finding]:
    """Return a finding if the model is unsure of most structures."""
    known = [one.size.confidence for one in found if one.size.confidence is not None]
    if not known or (middle := median(known)) >= _UNSURE_OF_MOST:
        return []
    message = f"the model is unsure of most structures (median {100 * middle:.0f} %)"
    return [Finding("confidence", Severity.BAD, (), message)]
