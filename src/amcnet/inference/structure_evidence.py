"""What the networks tell about each structure beyond its label."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.refinement_evidence import RefinementEvidence


@dataclass(frozen=True)
class StructureEvidence:
    """What the networks tell about one structure that was found.

    Attributes:
        probability: Mean probability over the samples that it wins.
        expected_dice: Dice coefficient that is to be expected if probabilities are frequencies.
        refined_dice: The same of the refiner's probabilities; None where nothing was refined.
        agreement: Dice coefficient between the labels before and after the refinement; None where
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
        values: Label values that the labels hold. A structure may win between the network's samples
            only, or by the refiner alone: its figures are then 0.
        meter: Probabilities of the first network.
        refinement: Figures of the refiner; None where nothing was refined.
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
