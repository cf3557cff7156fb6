import pytest

from amcnet.data.training_plan import PlanBudget
from amcnet.errors import ConfigError
from amcnet.training.time_plan import SIZES, USEFUL_STEPS, measure_speed, plan_for_time


def whole_budget(budget: PlanBudget) -> int:
    return budget.voxels


def test_more_time_or_speed_never_gives_a_smaller_network() -> None:
    flop = [
        plan.size.width**2 * plan.size.budget.voxels
        for hours in (0.1, 0.5, 1, 4, 12, 48, 1000)
        for plan in [plan_for_time(hours, 2e10, whole_budget)]
    ]
    assert flop == sorted(flop)
    assert len(set(flop)) > 3
    for hours in (1, 10, 100):
        plan = plan_for_time(hours, 2e10, whole_budget)
        assert plan.steps >= USEFUL_STEPS or plan.size == SIZES[-1]
        assert plan.steps * plan.seconds_per_step <= 3600 * hours
        same = plan_for_time(hours / 10, 2e11, whole_budget)
        assert (same.size, same.steps) == (plan.size, plan.steps)


def test_small_volumes_get_the_default_at_once() -> None:
    plan = plan_for_time(3, 2e10, lambda budget: min(budget.voxels, 60_000))
    assert plan.size == SIZES[0]


def test_refusal() -> None:
    for hours in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="expected more than 0"):
            plan_for_time(hours, 1e10, whole_budget)


def test_the_speed_of_a_machine_is_plausible() -> None:
    assert 1e8 < measure_speed() < 1e16
