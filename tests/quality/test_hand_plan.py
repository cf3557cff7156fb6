from math import exp, log

import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.quality.hand_plan import plan_of

HAND = hand_label_table()


def test_the_plan_has_the_tables_bones_and_epiphyses() -> None:
    plan = plan_of(HAND)
    assert plan is not None
    assert plan.shafts == HAND.values_of_kind("bone")
    assert tuple(plan.epiphyses) == HAND.values_of_kind("epiphysis")


def test_rows_are_one_segment_from_finger_to_finger() -> None:
    plan = plan_of(HAND)
    assert plan is not None
    for row in plan.rows:
        assert len({HAND[value].segment for value in row}) == 1
        assert list(row) == sorted(row)
    assert sorted(len(row) for row in plan.rows) == [4, 4, 4, 5]


def test_bones_are_known_by_name_in_any_order_and_number() -> None:
    names = [s.name for s in HAND if s.kind == "bone" and s.group != "thumb"]
    plan = plan_of(LabelTable.from_names(names[::-1]))
    assert plan is not None
    assert sorted(plan.shafts) == list(range(1, 17))
    assert plan.epiphyses == {}


def test_other_tables_have_no_plan() -> None:
    assert plan_of(LabelTable.from_names(["liver", "spleen"])) is None


@pytest.mark.parametrize("fused", [False, True])
def test_the_scale_of_the_expected_length_is_the_scale(fused: bool) -> None:
    plan = plan_of(HAND)
    assert plan is not None
    for bone in plan.bones:
        length_mm = exp(bone.log_length(log(0.7), fused))
        assert bone.log_scale(length_mm, fused) == pytest.approx(log(0.7))
