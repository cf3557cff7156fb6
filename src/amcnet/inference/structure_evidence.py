"""Evidence from the networks for each structure, in addition to its labels."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.refinement_evidence import RefinementEvidence


@dataclass(frozen=True)
class StructureEvidence:
    """Evidence from the networks for one structure that was found.

    Attributes:
        probability: Mean probability over the samples that it wins.
        expected_dice: Expected Dice coefficient if probabilities are frequencies.
        refined_dice: Likewise from the refiner's probabilities; None if nothing was refined.
        agreement: Dice coefficient between the labels before and after the refinement; None if
            nothing was refined.
    """

    probability: float
    expected_dice: float
    refined_dice: float | None = None
    agreement: float | None = None


def gather_evidence(
    values: Iterable[int], meter: ConfidenceMeter, refinement: RefinementEvidence | None
) -> dict[int, StructureEvidence]:
    """Return label value -> evidence.

    Args:
        values: Label values that occur in the labels. A structure may win only between the
            network's samples, or only by the refiner: its values are then 0.
        meter: Probabilities of the first network.
        refinement: Evidence from the refiner; None if nothing was refined.
    """
    means, expected = meter.means(), meter.expected_dice()
    evidence = {}
    for value in values:
        one = StructureEvidence(means.get(value, 0.0), expected.get(value, 0.0))
        if refinement is not None:
            refined = float(np.nan_to_num(refinement.expected_dice[value]))
            agreement = float(np.nan_to_num(refinement.agreement[value]))
            one = replace(one, refined_dice=refined, agreement=agreement)
        evidence[value] = one
    return evidence
