"""Structures with known true Dice coefficient, and the features of a prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE, LabelTable
from amcnet.bundle.dice_calibration import FEATURES
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.labelmaps.region import Labels
from amcnet.labelmaps.validation import labelled_box
from amcnet.quality.arrangement import chains_of
from amcnet.quality.dice_features import dice_features
from amcnet.quality.hand_plan import plan_of
from amcnet.quality.joint_gaps import Gaps
from amcnet.quality.observation import observe
from amcnet.quality.size_checks import Sizes, compare_sizes


@dataclass(frozen=True)
class JudgedStructures:
    """Structures that were found in a volume with known truth.

    Attributes:
        values: (structure,) label values.
        features: (structure, feature), see :func:`amcnet.quality.dice_features.dice_features`.
        dice: (structure,) true Dice coefficients.
    """

    values: NDArray[np.int64]
    features: NDArray[np.float64]
    dice: NDArray[np.float64]


def judge_structures(
    labels: Labels,
    truth: Labels,
    spacing_mm: Sequence[float],
    table: LabelTable,
    evidence: Mapping[int, StructureEvidence],
) -> JudgedStructures:
    """Return the features and the true Dice coefficient of every structure that was found.

    Args:
        labels: Labels from a model, (scan, lateral, depth).
        truth: The true labels, of the same shape; voxels of the value ``IGNORE`` are excluded.
        spacing_mm: Voxel size in the same order.
        table: Label table.
        evidence: Label value -> evidence from the networks.
    """
    # The background, most of the volume, is omitted because counting makes a wide copy.
    judged = (truth != IGNORE) & ((labels > 0) | (truth > 0))
    found, actual = labels[judged], truth[judged]
    sizes = [np.bincount(part, minlength=table.num_classes) for part in (found, actual)]
    both = np.bincount(found[found == actual], minlength=table.num_classes)
    seen = observe(labels[labelled_box(labels)], spacing_mm, table)
    plan = plan_of(table)
    compared = compare_sizes(plan, Gaps(seen.found), chains_of(table)) if plan else Sizes()
    rows = dice_features(seen, compared, evidence)
    values = np.array(sorted(value for value in rows if sizes[0][value]), np.int64)
    dice = 2 * both[values] / (sizes[0][values] + sizes[1][values])
    features = np.array([rows[value] for value in values.tolist()]).reshape(-1, len(FEATURES))
    return JudgedStructures(values, features, dice)
