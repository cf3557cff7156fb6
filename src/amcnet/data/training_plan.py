"""The plan of a data set: the network's grid, its window and the normalisation, with reasons.

The network always sees the whole transverse plane (lateral x depth) and a window of slices along
scan. Target spacing and normalisation follow nnU-Net (Isensee et al., Nature Methods 2021,
doi:10.1038/s41592-020-01008-z): the median spacing, for anisotropic data the 10th percentile of the
coarsest axis, and fixed numbers for CT, whose values are calibrated.
"""

import math
from dataclasses import dataclass

from amcnet.anatomy import hand_label_table
from amcnet.data.dataset_layout import Dataset
from amcnet.data.fingerprint import ChannelFigures, Fingerprint
from amcnet.data.preprocessing import (
    FixedNormalisation,
    Normalisation,
    Preprocessing,
    round_size,
)
from amcnet.errors import ConfigError, count_text
from amcnet.io.geometry import Triple

PAPER_WINDOW = 16
LEAST_WINDOW = 8
LARGEST_WINDOW = 64

_WINDOW_STEP = 4
_ANISOTROPY = 3
_COARSER = 1.01
_DIGITS = 6  # float32 headers store 0.3 as 0.30000001192


@dataclass(frozen=True)
class PlanBudget:
    """Size limit of the network's window.

    Attributes:
        voxels: Number of voxels of a window: slices x lateral x depth; by default the paper's.

    Example:
        >>> PlanBudget().voxels == 2**21
        True
    """

    voxels: int = 16 * 512 * 256

    def __post_init__(self) -> None:
        if self.voxels < PAPER_WINDOW:
            raise ConfigError(f"voxels: found {self.voxels}, expected {PAPER_WINDOW} or more")


@dataclass(frozen=True)
class Plan:
    """Preprocessing and window of a data set.

    Attributes:
        preprocessing: Spacing of the network's grid and normalisation.
        window: Number of slices in a window.
        reasons: One sentence per decision, with its figures.

    Example:
        >>> plan = Plan(Preprocessing(spacing_mm=(1.0, 0.5, 0.5)), 16, ("the window is 16 slices",))
        >>> plan.preprocessing.spacing_mm
        (1.0, 0.5, 0.5)
    """

    preprocessing: Preprocessing
    window: int
    reasons: tuple[str, ...]


def plan_preprocessing(
    fingerprint: Fingerprint,
    dataset: Dataset,
    budget: PlanBudget = PlanBudget(),
) -> Plan:
    """Choose spacing, window and normalisation for a data set.

    The hand gets the paper's settings. For other anatomies the window fits the budget at the data
    set's median size and spacing; larger cases give larger windows.

    Args:
        fingerprint: Properties of the data set.
        dataset: The data set, whose label table tells whether it is the hand.
        budget: Size limit of the window.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.data.case_properties import CaseProperties, measure_channel
        >>> from amcnet.data.fingerprint import make_fingerprint
        >>> channel = measure_channel(np.ones((4, 6, 8)), np.arange(10))
        >>> case = CaseProperties("a", (40, 60, 80), (1.0, 0.5, 0.5), (channel,), {0: 182, 1: 10})
        >>> knees = Dataset(Path("knees"), LabelTable.from_names(["femur"]), ())
        >>> plan = plan_preprocessing(make_fingerprint([case], knees), knees)
        >>> plan.window, plan.preprocessing.spacing_mm
        (40, (1.0, 0.5, 0.5))
        >>> plan.reasons[0]
        'spacing is the median over all cases: 1 x 0.5 x 0.5 mm (scan, lateral, depth)'
    """
    if dataset.table == hand_label_table():
        paper = Preprocessing()
        reason = (
            f"the labels are those of the hand: the paper's spacing of {_text(paper.spacing_mm)} "
            "mm (scan, lateral, depth), normalisation by each volume's own mean and deviation, "
            f"and window of {PAPER_WINDOW} slices"
        )
        return Plan(paper, PAPER_WINDOW, (reason,))
    spacing_mm, spacing_reasons = _target_spacing(fingerprint)
    spacing_mm, window, window_reasons = _fit(fingerprint, spacing_mm, budget)
    normalisation, normalisation_reasons = _normalisation(fingerprint.channels)
    preprocessing = Preprocessing(spacing_mm=spacing_mm, normalisation=normalisation)
    return Plan(preprocessing, window, (*spacing_reasons, *window_reasons, *normalisation_reasons))


def _target_spacing(fingerprint: Fingerprint) -> tuple[Triple, list[str]]:
    target = list(fingerprint.spacing_mm)
    reasons = [f"spacing is the median over all cases: {_text(target)} mm (scan, lateral, depth)"]
    coarsest = target.index(max(target))
    if max(target) / min(target) > _ANISOTROPY:
        others = max(value for axis, value in enumerate(target) if axis != coarsest)
        fine = max(fingerprint.spacing_fine_mm[coarsest], others)
    else:
        fine = target[coarsest]
    if fine < target[coarsest]:
        reasons.append(
            f"the coarsest axis is {max(target) / min(target):.3g} times the finest, more than "
            f"{_ANISOTROPY}: its spacing is {fine:.4g} mm instead of {target[coarsest]:.4g} mm, "
            "the 10th percentile but not finer than the other axes"
        )
        target[coarsest] = fine
    scan, lateral, depth = (_rounded(value) for value in target)
    return (scan, lateral, depth), reasons


def _fit(
    fingerprint: Fingerprint, spacing_mm: Triple, budget: PlanBudget
) -> tuple[Triple, int, list[str]]:
    """Choose the window; make the plane coarser if not even a short window fits."""
    slices, lateral, depth = _median_shape(fingerprint, spacing_mm)
    most = min(LARGEST_WINDOW, max(LEAST_WINDOW, _WINDOW_STEP * math.ceil(slices / _WINDOW_STEP)))
    needed = min(PAPER_WINDOW, most)
    reasons = []
    if needed * lateral * depth > budget.voxels:
        before = f"{lateral} x {depth}"
        factor, spacing_mm = _coarser_plane(fingerprint, spacing_mm, budget.voxels // needed)
        _, lateral, depth = _median_shape(fingerprint, spacing_mm)
        reasons.append(
            f"{needed} slices of {before} voxels are more than the budget of {budget.voxels} "
            f"voxels: spacing along lateral and depth is {factor:.3g} times as coarse, "
            f"{_text(spacing_mm)} mm, which gives {lateral} x {depth}"
        )
    fitting = budget.voxels // (lateral * depth)
    window = max(LEAST_WINDOW, min(most, fitting - fitting % _WINDOW_STEP))
    reasons.append(
        f"the window is {count_text(window, 'slice')}: with the whole plane of {lateral} x "
        f"{depth} voxels that "
        f"is {window * lateral * depth} voxels of a budget of {budget.voxels}, and the median "
        f"volume has {count_text(slices, 'slice')}"
    )
    return spacing_mm, window, reasons


def _coarser_plane(
    fingerprint: Fingerprint, spacing_mm: Triple, most_voxels: int
) -> tuple[float, Triple]:
    """Return the factor by which lateral and depth become coarser, and the resulting spacing."""
    _, lateral, depth = _median_shape(fingerprint, spacing_mm)
    factor = max(1.0, math.sqrt(lateral * depth / most_voxels))
    while True:
        coarser = (
            spacing_mm[0],
            _rounded(spacing_mm[1] * factor),
            _rounded(spacing_mm[2] * factor),
        )
        _, lateral, depth = _median_shape(fingerprint, coarser)
        if lateral * depth <= most_voxels:
            return factor, coarser
        factor *= _COARSER  # sizes are rounded, so the root may be slightly too fine


def _median_shape(fingerprint: Fingerprint, spacing_mm: Triple) -> tuple[int, int, int]:
    """Return the size of the median volume on the network's grid."""
    axes = zip(fingerprint.shape, fingerprint.spacing_mm, spacing_mm, strict=True)
    scan, lateral, depth = (round_size(size * old / new) for size, old, new in axes)
    return scan, lateral, depth


def _normalisation(
    channels: tuple[ChannelFigures, ...],
) -> tuple[Normalisation | tuple[Normalisation, ...], list[str]]:
    chosen, reasons = zip(*(_channel_normalisation(channel) for channel in channels), strict=True)
    same = chosen[0] if all(how == chosen[0] for how in chosen) else tuple(chosen)
    return same, list(reasons)


def _channel_normalisation(channel: ChannelFigures) -> tuple[Normalisation, str]:
    figures = channel.foreground
    low, high = figures.percentile_00_5, figures.percentile_99_5
    if channel.name.strip().lower() != "ct":
        return "zscore", f"'{channel.name}' is normalised by each volume's own mean and deviation"
    if low >= high:
        return "zscore", (
            f"'{channel.name}' is CT but its labelled voxels all have the value {low:g}: it is "
            "normalised by each volume's own mean and deviation"
        )
    fixed = FixedNormalisation(low=low, high=high, mean=figures.mean, deviation=figures.std)
    return fixed, (
        f"'{channel.name}' is CT, whose values are calibrated: clipped to {low:.4g} to {high:.4g} "
        f"(percentiles 0.5 and 99.5 of labelled voxels), minus {figures.mean:.4g}, "
        f"divided by {figures.std:.4g}"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _text(values: tuple[float, ...] | list[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)
