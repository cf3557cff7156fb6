"""Features for predicting a structure's Dice coefficient: the model's evidence and the anatomy."""

from collections.abc import Mapping
from math import log
from statistics import median

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy.growth import fusion_years, relative_size
from amcnet.bundle.dice_calibration import FEATURES, Feature
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.quality.hand_plan import Bone, plan_of
from amcnet.quality.observation import Observation
from amcnet.quality.size_checks import Sizes

_RANGE = 0.02, 0.985  # of Dice coefficients: beyond this, their logarithms carry no information
_MOST_TOLERANCES = 3.0
_SMALLEST_MM, _SMALLEST_MM3 = 0.1, 0.1


def dice_features(
    seen: Observation, sizes: Sizes, evidence: Mapping[int, StructureEvidence]
) -> dict[int, NDArray[np.float64]]:
    """Return the features of every structure that is present and has evidence.

    All of them are fast to compute, and a larger value never means a smaller Dice coefficient:

    - ``expected dice``, ``refined dice``, ``agreement``: log-odds of the values of
      :class:`amcnet.inference.structure_evidence.StructureEvidence`; NaN if nothing was refined;
    - ``thickness``, ``volume``: logarithms, in mm and mm3. A boundary error of half a millimetre
      affects a thin structure more;
    - ``size``: deviation of the size from the rest of the hand, in tolerances, negative;
    - ``growth``: for an epiphysis, the logarithm of the hand's size relative to an adult's: the
      younger the hand, the less of the epiphysis is ossified;
    - ``fusion``: for an epiphysis, the logarithm of how much larger the hand is than a girl's at
      the age of fusion, negative: the epiphysis may have fused, so that none exists;
    - ``border``: -1 if the volume's border cuts the structure;
    - ``neighbours``, ``hand``: the lowest log-odds of the expected Dice coefficient among the
      neighbours, and the median of all structures.

    Args:
        seen: The structures.
        sizes: Their sizes relative to the hand; empty for other tables.
        evidence: Label value -> evidence from the networks.
    """
    known = {value: one for value, one in seen.found.items() if value in evidence}
    odds = {value: _log_odds(evidence[value].expected_dice) for value in known}
    hand = median(odds.values()) if odds else 0.0
    plan, log_scale = plan_of(seen.table), sizes.log_scale or 0.0
    features = {}
    for value, one in known.items():
        cap = None if plan is None else plan.epiphyses.get(value)
        beside = [odds[other] for other in one.structure.neighbours if other in odds]
        features[value] = _row(
            {
                "expected dice": odds[value],
                "refined dice": _log_odds(evidence[value].refined_dice),
                "agreement": _log_odds(evidence[value].agreement),
                "thickness": log(max(float(one.size.thickness_mm or 0.0), _SMALLEST_MM)),
                "volume": log(max(one.volume_mm3, _SMALLEST_MM3)),
                "size": -_misfit(value, sizes),
                "growth": 0.0 if cap is None else log_scale,
                "fusion": 0.0 if cap is None else -max(0.0, log_scale - _log_size_at_fusion(cap)),
                "border": -float(one.at_border),
                "neighbours": min(beside, default=hand),
                "hand": hand,
            }
        )
    return features


def _row(values: Mapping[Feature, float]) -> NDArray[np.float64]:
    return np.array([values[name] for name in FEATURES])


def _log_odds(share: float | None) -> float:
    if share is None:
        return float("nan")
    low, high = _RANGE
    clipped = min(max(share, low), high)
    return log(clipped / (1 - clipped))


def _misfit(value: int, sizes: Sizes) -> float:
    """Return the deviation of a structure's size in tolerances, 0 if unknown."""
    _, deviation, tolerance = sizes.deviations.get(value, ("", 0.0, 1.0))
    return min(abs(deviation) / tolerance, _MOST_TOLERANCES)


def _log_size_at_fusion(bone: Bone) -> float:
    return log(relative_size(fusion_years(*bone.key, "girl"), "girl"))
