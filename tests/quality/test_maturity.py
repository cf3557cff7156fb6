"""Against the growth that phantoms follow."""

from math import exp, log

import pytest

from amcnet.anatomy import hand_label_table
from amcnet.anatomy.growth import (
    Sex,
    epiphysis_state,
    epiphysis_width_ratio,
    ossification_onset_years,
    relative_size,
)
from amcnet.quality.hand_plan import Bone, HandPlan, plan_of
from amcnet.quality.maturity import fit_maturity


def plan() -> HandPlan:
    found = plan_of(hand_label_table())
    assert found is not None
    return found


def grown(age_years: float, sex: Sex, log_scale: float) -> dict[int, float | None]:
    """Volumes of the epiphyses that there are at an age."""

    def log_volume(bone: Bone) -> float:
        girth = epiphysis_width_ratio(age_years, ossification_onset_years(*bone.key, sex))
        return bone.log_cap_volume(log_scale, log(girth))

    return {
        value: log_volume(bone)
        for value, bone in plan().epiphyses.items()
        if epiphysis_state(age_years, *bone.key, sex) == "ossified"
    }


@pytest.mark.parametrize("sex", ["boy", "girl"])
@pytest.mark.parametrize("age", [2.5, 4.0, 5.5, 7.0, 9.0])
@pytest.mark.parametrize("size_factor", [0.92, 1.08])
def test_the_age_is_told_by_the_epiphyses_and_not_by_the_size(
    age: float, sex: Sex, size_factor: float
) -> None:
    log_scale = log(relative_size(age, sex) * size_factor)
    maturity = fit_maturity(plan(), grown(age, sex, log_scale), {}, log_scale)
    assert maturity is not None
    assert maturity.age_years == pytest.approx(age, abs=1.0)


def test_a_few_that_are_far_too_small_do_not_change_the_age() -> None:
    log_scale = log(relative_size(6.0, "girl"))
    volumes = grown(6.0, "girl", log_scale)
    before = fit_maturity(plan(), volumes, {}, log_scale)
    assert before is not None
    small = {v: (volumes[v] or 0.0) - 1.5 for v in list(volumes)[:3]}
    after = fit_maturity(plan(), volumes | small, {}, log_scale)
    assert after is not None
    assert after.age_years == pytest.approx(before.age_years, abs=0.5)


def test_no_age_has_a_hand_of_double_size() -> None:
    assert fit_maturity(plan(), {}, {}, log(2.0)) is None


def test_an_epiphysis_that_is_ahead_is_wider() -> None:
    log_scale = log(relative_size(5.0, "boy"))
    maturity = fit_maturity(plan(), grown(5.0, "boy", log_scale), {}, log_scale)
    assert maturity is not None
    for bone in plan().bones:
        behind, on_time, ahead = map(exp, maturity.log_cap_girths(bone))
        assert behind <= on_time <= ahead <= 1.0
