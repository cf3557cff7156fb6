"""Fingers of blocks, whose gaps are known."""

from math import log

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.quality.arrangement import chains_of
from amcnet.quality.hand_plan import HandPlan, plan_of
from amcnet.quality.joint_gaps import Gaps, Room, Stretch, measure_room, stretches_of
from amcnet.quality.observation import observe

HAND = hand_label_table()
CHAINS = [chain for chain in chains_of(HAND) if len(chain) == 8]
LOG_SCALE = log(0.7)


def plan() -> HandPlan:
    found = plan_of(HAND)
    assert found is not None
    return found


def room(absent: set[int], wider_mm: dict[int, float]) -> Room:
    """Of four fingers of blocks 1.5 mm apart; after those named in ``wider_mm`` it is more."""
    labels = np.zeros((400, 4 * 8 + 2, 7), np.uint8)
    for finger, chain in enumerate(CHAINS):
        start = 4
        for value in chain:
            if value not in absent:
                labels[start : start + 20, 2 + 8 * finger : 6 + 8 * finger, 2:5] = value
                # Blocks whose voxels are n + 1 apart have n empty ones between them.
                start += 19 + round((1.5 + wider_mm.get(value, 0.0)) / 0.5)
    gaps = Gaps(observe(labels, (0.5, 0.5, 0.5), HAND).found)
    return measure_room(plan(), gaps, CHAINS, LOG_SCALE)


def test_stretches_name_what_is_absent_between() -> None:
    found = observe(np.array([[[1, 3, 4]]], np.uint8), (1, 1, 1), HAND).found
    assert stretches_of((1, 2, 3, 4, 5), found) == [Stretch((1, 3), (2,)), Stretch((3, 4), ())]


def test_fingers_that_are_alike_leave_no_room() -> None:
    alike = room(set(), {})
    assert set(alike.excess_mm.values()) == {0.0}
    assert alike.fused == {}


def test_a_gap_that_the_other_fingers_do_not_have_is_room_for_both_beside_it() -> None:
    value, following = CHAINS[1][2], CHAINS[1][3]
    excess_mm = room(set(), {value: 2.0}).excess_mm
    assert {v for v, mm in excess_mm.items() if mm} == {value, following}
    assert excess_mm[value] == pytest.approx(2.0)


def test_a_joint_that_is_wide_in_all_fingers_is_no_room() -> None:
    excess_mm = room(set(), {chain[3]: 2.0 for chain in CHAINS}).excess_mm
    assert set(excess_mm.values()) == {0.0}


def test_the_gap_tells_whether_an_absent_epiphysis_has_fused() -> None:
    value = CHAINS[0][3]  # between the shafts of two phalanges
    cartilage_mm = plan().epiphyses[value].cartilage_mm(LOG_SCALE)
    assert room({value}, {}).fused == {value: True}
    beside = CHAINS[0][2]
    ajar = room({value}, {beside: cartilage_mm})
    assert ajar.fused == {value: False}
    assert ajar.excess_mm[beside] == pytest.approx(0.0, abs=0.3)
