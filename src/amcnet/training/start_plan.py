"""Plan a training that starts from a model: grid, window and recipe."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import BundleDescription
from amcnet.data import Fingerprint, Plan, PlanBudget, Preprocessing

FEW_CASES = 5

_GOOD_CEILING = 0.9
_FINER = (0.8, 0.65, 0.5)
_LEAST_WINDOW = 8
_DIGITS = 3
_BUDGET = PlanBudget()

Ceiling = Callable[[Preprocessing], float | None]


def plan_start(
    model: BundleDescription,
    fingerprint: Fingerprint,
    ceiling: Ceiling,
    budget: PlanBudget = _BUDGET,
) -> Plan:
    """Return the model's own grid and window, unless the data do not fit them.

    The grid is made coarser if the median volume would exceed the budget, and finer, as far as the
    budget allows, if structures would be lost.

    Args:
        model: The model to start from.
        fingerprint: Sizes and spacings of the data.
        ceiling: Returns the best Dice that a grid allows for these labels.
        budget: Size limit of the window.
    """
    own = f"network and normalisation are those of the model '{model.name}'"
    plan = _ModelGrid(model, 1.0)
    voxels = plan.window_voxels(fingerprint)
    if voxels > budget.voxels:
        factor = 1.0
        while plan.window_voxels(fingerprint) > budget.voxels:
            factor *= 1.05
            plan = _ModelGrid(model, factor)
        return plan.plan(
            own,
            f"the grid is {factor:.3g} times as coarse as the model's, {plan.text}: on the "
            f"model's own the window would have {voxels} voxels, more than the budget of "
            f"{budget.voxels}",
        )
    best = ceiling(plan.preprocessing)
    if best is None or best >= _GOOD_CEILING:
        return plan.plan(own, f"the grid is also that of the model: {plan.text}")
    before = best
    for factor in _FINER:
        finer = _ModelGrid(model, factor)
        found = ceiling(finer.preprocessing)
        if finer.window_voxels(fingerprint) > budget.voxels or found is None or found <= best:
            break
        plan, best = finer, found
        if best >= _GOOD_CEILING:
            break
    return plan.plan(
        own,
        f"the grid is {plan.text}, {plan.factor:.3g} times the model's spacing: on it, labels "
        f"keep a Dice of at most {best:.2f}, on the model's grid {before:.2f}",
    )


@dataclass(frozen=True)
class _ModelGrid:
    """The model's grid, coarser or finer by a factor; the window covers the same length."""

    model: BundleDescription
    factor: float

    @property
    def preprocessing(self) -> Preprocessing:
        own = self.model.preprocessing
        if self.factor == 1:
            return own
        spacing_mm = tuple(float(f"{mm * self.factor:.{_DIGITS}g}") for mm in own.spacing_mm)
        return Preprocessing.model_validate(own.model_dump() | {"spacing_mm": spacing_mm})

    @property
    def window(self) -> int:
        return max(min(_LEAST_WINDOW, self.model.window), round(self.model.window / self.factor))

    @property
    def text(self) -> str:
        sizes = " x ".join(f"{mm:.3g}" for mm in self.preprocessing.spacing_mm)
        return f"{sizes} mm (scan, lateral, depth)"

    def window_voxels(self, fingerprint: Fingerprint) -> int:
        """Return the number of voxels of a window of the median volume."""
        scan, lateral, depth = self.preprocessing.network_shape(
            fingerprint.shape, fingerprint.spacing_mm
        )
        return min(scan, self.window) * lateral * depth

    def plan(self, *reasons: str) -> Plan:
        """Return this grid as the plan."""
        return Plan(self.preprocessing, self.window, reasons)


@dataclass(frozen=True)
class TrainingRecipe:
    """How a network is trained.

    Attributes:
        learning_rate: Highest learning rate.
        steps: Total number of optimiser steps.
        max_hours: Time limit.
        holds_out: Whether cases are held out.
        mirror_axes: Axes along which windows are mirrored at random.
        is_ultrasound: Whether windows get random speckle and shadows.
        crop_probability: Share of windows that are cropped to a random box.
        reasons: One sentence for each decision that depends on the data.
    """

    learning_rate: float = 0.003
    steps: int = 20000
    max_hours: float = 12.0
    holds_out: bool = True
    mirror_axes: tuple[str, ...] = ()
    is_ultrasound: bool = False
    crop_probability: float = 0.0
    reasons: tuple[str, ...] = ()

    def with_held_out_cases(self) -> "TrainingRecipe":
        """Return this recipe for a data set with its own split, or with folds."""
        kept = tuple(reason for reason in self.reasons if "held out" not in reason)
        return replace(self, holds_out=True, reasons=kept)


def choose_recipe(
    table: LabelTable, cases: int, model: BundleDescription | None, looks_like_ultrasound: bool
) -> TrainingRecipe:
    """Choose how to train, given the labels, the number of cases and the model to start from.

    Args:
        table: The structures.
        cases: Number of cases.
        model: The model to start from; None for random weights.
        looks_like_ultrasound: Whether the images may be like those that the hand model was trained
            on.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> recipe = choose_recipe(LabelTable.from_names(["bone"]), 3, None, False)
        >>> recipe.holds_out, recipe.mirror_axes
        (False, ('scan', 'lateral'))
    """
    reasons = []
    hand = hand_label_table()
    is_hand = table == hand
    knows_hand = model is not None and _names(model.label_table) == _names(hand)
    is_ultrasound = is_hand or (knows_hand and looks_like_ultrasound)
    mirror_axes: tuple[str, ...] = ("lateral", "scan") if is_hand else ()
    if len(table) == 1:
        mirror_axes = ("scan", "lateral")
        reasons.append("windows are mirrored: with one structure, no names can be exchanged")
    elif model is not None and model.label_table == table:
        # A direction that is new to the model would cost more steps than a short training has.
        mirror_axes = model.mirror_axes
        reasons.append("windows are mirrored along the same axes as in the model's training")
    if is_ultrasound and not is_hand:
        reasons.append("windows get speckle and shadows, as in ultrasound")
    holds_out = cases >= FEW_CASES
    if not holds_out:
        reasons.append(
            f"all {cases} cases are used for training and none is held out: with fewer than "
            f"{FEW_CASES}, every one is needed; --folds makes a cross-validation"
        )
    if model is None:
        return TrainingRecipe(
            0.003, 20000, 12.0, holds_out, mirror_axes, is_ultrasound, 0, tuple(reasons)
        )
    reasons.append(
        "windows are cropped to random boxes, so that few scans give more views, in faster steps"
    )
    return TrainingRecipe(
        0.001, 4000, 4.0, holds_out, mirror_axes, is_ultrasound, 0.5, tuple(reasons)
    )


def _names(table: LabelTable) -> set[str]:
    return {structure.name for structure in table}
