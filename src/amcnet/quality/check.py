"""Check a segmentation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike, NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.io.predicted_dice import PredictedDice
from amcnet.labelmaps.validation import as_array, check_label_volume, labelled_box
from amcnet.quality.arrangement import Arrangement, chains_of
from amcnet.quality.dice_prediction import DiceEvidence, predict_dice, prediction_findings
from amcnet.quality.findings import Finding, QualityReport, Severity
from amcnet.quality.hand_plan import HandPlan, plan_of
from amcnet.quality.image_checks import image_findings
from amcnet.quality.joint_gaps import Gaps
from amcnet.quality.missing_structures import missing_findings
from amcnet.quality.no_hand import PLACEHOLDER_SPACING, grid_causes, image_causes
from amcnet.quality.observation import Observation, observe
from amcnet.quality.order_checks import OrderCheck
from amcnet.quality.size_checks import Sizes, compare_sizes, size_findings
from amcnet.quality.structure_checks import (
    border_findings,
    confidence_findings,
    loose_share,
    overall_confidence_findings,
    piece_findings,
)

# If fewer bones have a plausible size and position, the labels do not show a hand.
_HAND_SHARE = 0.3
_LARGEST_LOOSE_SHARE = 0.3
_ADVICE = (
    "Check that the scan shows the back of a hand, the order and direction of the axes (--axes) "
    "and the voxel size (--spacing)."
)


def check_segmentation(
    labels: ArrayLike,
    spacing_mm: Sequence[float],
    table: LabelTable,
    confidence: Mapping[int, float] | None = None,
    image: ArrayLike | None = None,
    dice: DiceEvidence | PredictedDice | None = None,
) -> QualityReport:
    """Check a segmentation for problems that a person should review.

    For any table: structures that are missing, fragmented, cut by the border of the volume or of
    low confidence, and the order along chains of neighbours. For tables that name bones of the hand
    also: the order of fingers, sizes relative to the rest of the hand, absent epiphyses that age
    does not explain, and whether the labels show a hand at all.

    Args:
        labels: Integer labels, (scan, lateral, depth); an array or a tensor.
        spacing_mm: Voxel size in the same order.
        table: Label table.
        confidence: Label value -> mean probability by the model, if known.
        image: Intensities of the segmented volume, of the same shape.
        dice: Predicted Dice coefficients, or the evidence to predict them from; low ones are
            reported instead of low confidence.

    Raises:
        InputError: If labels, spacing, table and image do not match.

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((20, 20, 20), np.uint8)
        >>> labels[5:15, 5:15, 5:15] = 1
        >>> table = LabelTable.from_names(["liver", "spleen"])
        >>> check_segmentation(labels, (1, 1, 1), table).findings[0].message
        'spleen: missing'
    """
    voxels, scan = as_array(labels), None if image is None else as_array(image)
    check_label_volume(voxels, "labels")
    if scan is not None and scan.shape != voxels.shape:
        raise InputError(
            f"image has the shape {scan.shape}, expected that of the labels, {voxels.shape}"
        )
    # Passing over the background takes most of the time; the box has the same findings.
    seen = observe(voxels[labelled_box(voxels)], spacing_mm, table, confidence)
    causes = grid_causes(voxels.shape, spacing_mm)
    plan, chains, gaps = plan_of(table), chains_of(table), Gaps(seen.found)
    sizes = compare_sizes(plan, gaps, chains) if plan and seen.found else Sizes()
    known = predict_dice(seen, sizes, dice) if isinstance(dice, DiceEvidence) else dice
    predicted = _of_present(known or PredictedDice({}), seen)
    findings = _findings(seen, gaps, sizes, predicted, causes)
    report = QualityReport(
        tuple(sorted(findings, key=lambda finding: -finding.severity)),
        table,
        tuple(sorted(seen.found)),
        tuple(_unchecked(table, confidence)),
        predicted.coefficients,
    )
    return report if scan is None else add_image_findings(report, scan)


def add_image_findings(report: QualityReport, image: NDArray[Any]) -> QualityReport:
    """Return a report with findings about the image added.

    Args:
        report: Check of the labels alone.
        image: Intensities of the segmented volume, (scan, lateral, depth).

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((8, 8, 8), np.uint8)
        >>> report = check_segmentation(labels, (1.0, 1.0, 1.0), LabelTable.from_names(["femur"]))
        >>> dark = add_image_findings(report, np.zeros((8, 8, 8), np.uint8))
        >>> len(dark.findings) >= len(report.findings)
        True
    """
    findings = [*image_findings(image), *report.findings]
    if report.is_no_hand:
        causes = [Finding("image", Severity.BAD, (), cause) for cause in image_causes(image)]
        findings = [*findings, *causes]
    findings.sort(key=lambda finding: -finding.severity)
    return replace(report, findings=tuple(findings))


def _of_present(predicted: PredictedDice, seen: Observation) -> PredictedDice:
    present = {v: dice for v, dice in predicted.coefficients.items() if v in seen.found}
    return replace(predicted, coefficients=present)


def _findings(
    seen: Observation,
    gaps: Gaps,
    sizes: Sizes,
    predicted: PredictedDice,
    causes: Sequence[str],
) -> list[Finding]:
    table, found = seen.table, seen.found
    plan, chains = plan_of(table), chains_of(table)
    if not found:
        hints = _hints(causes) if plan else ""
        return [Finding("nothing", Severity.BAD, (), f"No structure is present.{hints}")]
    rows = plan.rows if plan else ()
    arrangement = Arrangement(gaps, chains, rows, _gaps_left_mm(plan, sizes))
    in_order, loose = OrderCheck(arrangement, table, found, sizes.log_volumes).findings()
    general = overall_confidence_findings(found.values())
    if plan and (unlike := _unlike_a_hand(plan, seen, sizes, loose, causes)):
        # If the labels do not show a hand, findings on single structures mean nothing.
        return [unlike, *general]
    if plan and seen.spacing_mm == (1.0, 1.0, 1.0):
        general.append(Finding("scale", Severity.LOOK, (), PLACEHOLDER_SPACING))
    missing, beyond = missing_findings(table, found, chains, plan, sizes)
    # A prediction is more informative than the confidence, on which it is based.
    if predicted.coefficients:
        unsure = prediction_findings(predicted, table)
    else:
        unsure = confidence_findings(found.values())
    return [
        *missing,
        *in_order,
        *size_findings(sizes, table, causes),
        *piece_findings(found.values()),
        *unsure,
        *general,
        *border_findings(found.values(), [table[value] for value in sorted(beyond)]),
    ]


def _gaps_left_mm(plan: HandPlan | None, sizes: Sizes) -> dict[int, float]:
    """Return the length of the gap that each unossified epiphysis leaves."""
    if plan is None:
        return {}
    log_scale = sizes.log_scale or 0.0
    return {value: bone.cartilage_mm(log_scale) for value, bone in plan.epiphyses.items()}


def _unlike_a_hand(
    plan: HandPlan,
    seen: Observation,
    sizes: Sizes,
    loose: set[int],
    causes: Sequence[str],
) -> Finding | None:
    def in_place(value: int) -> bool:
        one = seen.found.get(value)
        if one is None or value in loose or loose_share(one) > _LARGEST_LOOSE_SHARE:
            return False
        return one.at_border or sizes.log_scale is None or sizes.is_plausible(value)

    count = sum(in_place(value) for value in plan.shafts)
    if count >= _HAND_SHARE * len(plan.shafts):
        return None
    message = (
        f"This does not look like a hand: only {count} of {len(plan.shafts)} bones have a "
        f"plausible size and position.{_hints(causes)}"
    )
    return Finding("unlike a hand", Severity.BAD, tuple(sorted(seen.found)), message)


def _hints(causes: Sequence[str]) -> str:
    """Return causes and remedies as sentences; general advice if no cause is known."""
    return " " + " ".join(causes or (_ADVICE,))


def _unchecked(table: LabelTable, confidence: Mapping[int, float] | None) -> list[str]:
    reasons = []
    if plan_of(table) is None:
        reasons.append("sizes and the order of fingers (the labels are not those of a hand)")
    if not chains_of(table):
        reasons.append("order (the labels have no neighbours)")
    if confidence is None:
        reasons.append("confidence (label files hold none)")
    return reasons
