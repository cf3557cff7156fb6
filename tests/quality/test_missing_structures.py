"""Against the ages at which the phantom's epiphyses ossify and fuse."""

from math import log

import pytest

from amcnet.anatomy import hand_label_table
from amcnet.anatomy.growth import Sex, epiphysis_state, relative_size
from amcnet.quality.hand_plan import HandPlan, plan_of
from amcnet.quality.maturity import fit_maturity
from amcnet.quality.missing_structures import wrongly_absent


def plan() -> HandPlan:
    found = plan_of(hand_label_table())
    assert found is not None
    return found


def wrong(absent: set[int], log_scale: float, fused: dict[int, bool] | None = None) -> set[int]:
    """Of a hand whose other epiphyses are there, of unknown size."""
    fused = fused or {}
    present = dict.fromkeys(set(plan().epiphyses) - absent)
    maturity = fit_maturity(plan(), present, fused, log_scale)
    return wrongly_absent(plan(), absent, maturity, fused)


def absent_at(age_years: float, sex: Sex) -> set[int]:
    return {
        value
        for value, bone in plan().epiphyses.items()
        if epiphysis_state(age_years, *bone.key, sex) != "ossified"
    }


@pytest.mark.parametrize("sex", ["boy", "girl"])
@pytest.mark.parametrize("age", [1.5, 2.0, 2.5, 3.2, 8.0, 13.7, 15.2, 16.0])
@pytest.mark.parametrize("size_factor", [0.9, 1.1])
def test_what_an_age_explains_is_not_wrong(age: float, sex: Sex, size_factor: float) -> None:
    log_scale = log(relative_size(age, sex) * size_factor)
    assert wrong(absent_at(age, sex), log_scale) == set()


@pytest.mark.parametrize("value", [2, 6, 13, 20, 32])
def test_a_single_absent_one_at_eight_years_is(value: int) -> None:
    log_scale = log(relative_size(8.0, "girl"))
    assert wrong({value}, log_scale) == {value}


def test_all_absent_is_right_in_an_infant_and_wrong_at_eight() -> None:
    everything = set(plan().epiphyses)
    assert wrong(everything, log(relative_size(8.0, "boy"))) == everything
    assert wrong(everything, log(1.05)) == set()


def test_a_gap_where_the_epiphysis_was_tells_that_it_has_not_fused() -> None:
    absent, log_scale = absent_at(14.8, "girl"), log(relative_size(14.8, "girl"))
    assert wrong(absent, log_scale, dict.fromkeys(absent, True)) == set()
    removed = absent - {10}
    gaps = dict.fromkeys(removed, True) | {10: False}
    assert wrong(absent, log_scale, gaps) == {10}
