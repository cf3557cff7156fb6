"""Skeletal age: the age that best explains which epiphyses are present, and their sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from amcnet.anatomy.growth import (
    COMPLETE_AGE_YEARS,
    EpiphysisState,
    Sex,
    epiphysis_state,
    epiphysis_width_ratio,
    ossification_onset_years,
    relative_size,
)
from amcnet.quality.hand_plan import Bone, HandPlan

_AGES_YEARS = np.arange(1.0, 18.01, 0.25)
# A single epiphysis may be early or late, and a hand large or small for its age.
_SHIFT_YEARS = 0.5
_SIZE_TOLERANCE = 0.2
# One unit of misfit: a twentieth of the hand's size or a quarter of an epiphysis' volume, their
# standard deviations in phantoms. No structure counts more than a state that the age does not
# explain.
_SIZE_UNIT = 0.05
_VOLUME_UNIT = 0.25
_WRONG_STATE = 4.0


@dataclass(frozen=True)
class Maturity:
    """Skeletal age of a hand.

    Attributes:
        age_years: Skeletal age.
        sex: The sex that fits epiphyses and size better; little more than a guess.
    """

    age_years: float
    sex: Sex

    def states(self, bone: Bone) -> tuple[EpiphysisState, ...]:
        """Return the state of a bone's epiphysis if it is late, on time, or early."""
        return tuple(epiphysis_state(age, *bone.key, self.sex) for age in self._ages_years())

    def log_cap_girths(self, bone: Bone) -> tuple[float, ...]:
        """Return the logarithm of the epiphysis' width relative to its shaft, in these cases."""
        onset = ossification_onset_years(*bone.key, self.sex)
        return tuple(log(epiphysis_width_ratio(age, onset)) for age in self._ages_years())

    def _ages_years(self) -> tuple[float, ...]:
        return tuple(self.age_years + shift for shift in (-_SHIFT_YEARS, 0.0, _SHIFT_YEARS))


def fit_maturity(
    plan: HandPlan,
    log_volumes: Mapping[int, float | None],
    fused: Mapping[int, bool],
    log_scale: float | None,
) -> Maturity | None:
    """Find the age, among those at which a hand has this size, that fits the epiphyses best.

    Args:
        plan: The bones.
        log_volumes: Label value of each present epiphysis -> logarithm of its volume in mm3, None
            if the border cuts it.
        fused: See :class:`amcnet.quality.joint_gaps.Room`.
        log_scale: Logarithm of the hand's size relative to an adult's, None if unknown.
    """
    best: tuple[float, Maturity] | None = None
    for sex in COMPLETE_AGE_YEARS:
        for age in _AGES_YEARS:
            size = log(relative_size(float(age), sex))
            if log_scale is not None and abs(size - log_scale) > _SIZE_TOLERANCE:
                continue
            maturity = Maturity(float(age), sex)
            misfit = 0.0 if log_scale is None else abs(size - log_scale) / _SIZE_UNIT
            for value, bone in plan.epiphyses.items():
                if value not in log_volumes:
                    misfit += _misfit_of_absent(maturity, bone, fused.get(value))
                else:
                    misfit += _misfit_of_present(maturity, bone, log_volumes[value], log_scale)
            if best is None or misfit < best[0]:
                best = (misfit, maturity)
    return best[1] if best else None


def _misfit_of_absent(maturity: Maturity, bone: Bone, fused: bool | None) -> float:
    state = maturity.states(bone)[1]
    explained = {None: state != "ossified", True: state == "fused", False: state == "not ossified"}
    return 0.0 if explained[fused] else _WRONG_STATE


def _misfit_of_present(
    maturity: Maturity, bone: Bone, log_volume: float | None, log_scale: float | None
) -> float:
    if maturity.states(bone)[1] != "ossified":
        return _WRONG_STATE
    if log_volume is None or log_scale is None:
        return 0.0
    expected = bone.log_cap_volume(log_scale, maturity.log_cap_girths(bone)[1])
    return min(abs(log_volume - expected) / _VOLUME_UNIT, _WRONG_STATE)
