"""Chains of blocks, whose gaps and order are known."""

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.quality.arrangement import Arrangement, Fault, chains_of
from amcnet.quality.joint_gaps import Gaps
from amcnet.quality.observation import Found, observe


def table_of(*neighbours: tuple[int, ...]) -> LabelTable:
    return LabelTable(
        tuple(
            Structure(value, f"block {value}", neighbours=others)
            for value, others in enumerate(neighbours, start=1)
        )
    )


CHAIN = table_of((2,), (1, 3), (2, 4), (3,))


def found_in(starts: dict[int, int], spacing_mm: float = 1.0) -> dict[int, Found]:
    """Blocks of 6 x 3 x 3 voxels along the scan, and label -> where it starts."""
    labels = np.zeros((60, 7, 7), np.uint8)
    for value, start in starts.items():
        labels[start : start + 6, 2:5, 2:5] = value
    return observe(labels, (spacing_mm,) * 3, CHAIN).found


def faults_of(starts: dict[int, int], spacing_mm: float = 1.0) -> list[Fault]:
    return Arrangement(Gaps(found_in(starts, spacing_mm)), chains_of(CHAIN), (), {}).faults({})


def test_chains_of_the_hand_are_its_fingers() -> None:
    table = hand_label_table()
    for chain in chains_of(table):
        assert len({table[value].group for value in chain}) == 1
    assert sorted(len(chain) for chain in chains_of(table)) == [6, 8, 8, 8, 8]


@pytest.mark.parametrize(
    ("table", "chains"),
    [
        (table_of((), ()), ()),
        (table_of((2, 3), (3,), (1,)), ()),
        (table_of((2, 3, 4), (), (), ()), ()),
        (table_of((), (3,), ()), ((2, 3),)),
    ],
    ids=["none", "ring", "branching", "told on one side only"],
)
def test_only_paths_are_chains(table: LabelTable, chains: tuple[tuple[int, ...], ...]) -> None:
    assert chains_of(table) == chains


def test_blocks_in_order_have_no_fault() -> None:
    assert faults_of({1: 2, 2: 10, 3: 18, 4: 26}) == []
    assert faults_of({4: 2, 3: 10, 2: 18, 1: 26}) == []


def test_swapped_neighbours_are_steps_back() -> None:
    assert {fault.kind for fault in faults_of({1: 2, 2: 18, 3: 10, 4: 26})} >= {"step"}


def test_a_wide_gap_is_named_by_the_two_beside_it() -> None:
    gaps = [f for f in faults_of({1: 2, 2: 10, 3: 40, 4: 48}) if f.kind == "gap"]
    assert [gap.structures for gap in gaps] == [(2, 3)]


def test_gaps_are_those_of_the_surfaces_in_mm() -> None:
    gaps = Gaps(found_in({1: 2, 2: 10, 3: 18, 4: 26}, 0.5))
    arrangement = Arrangement(gaps, chains_of(CHAIN), (), {})
    # Voxels 7 and 10 are 3 apart.
    assert gaps.mm(1, 2) == pytest.approx(1.5)
    assert arrangement.total_gap_mm({}) == pytest.approx(4.5)


def test_an_absent_structure_may_leave_the_gap_that_it_is_known_to() -> None:
    found = found_in({1: 2, 3: 20, 4: 28})
    chains = chains_of(CHAIN)
    assert Arrangement(Gaps(found), chains, (), {}).faults({}) == []  # unknown: no word on it
    assert Arrangement(Gaps(found), chains, (), {2: 1.0}).faults({})[0].structures == (1, 3)
    assert Arrangement(Gaps(found), chains, (), {2: 10.0}).faults({}) == []


def test_the_one_out_of_place_in_a_row_is_named() -> None:
    found = found_in({1: 2, 2: 26, 3: 10, 4: 18})
    assert Arrangement(Gaps(found), (), ((1, 2, 3, 4),), {}).faults({}) == [Fault("row", (2,))]
    assert Arrangement(Gaps(found), (), ((1, 3, 4, 2),), {}).faults({}) == []


def test_exchanged_blobs_are_judged_in_their_new_places() -> None:
    found = found_in({1: 2, 2: 18, 3: 10, 4: 26})
    assert Arrangement(Gaps(found), chains_of(CHAIN), (), {}).faults({2: 3, 3: 2}) == []


def test_those_side_by_side_may_reach_further_than_they_lie_apart() -> None:
    # Four fingers of two blocks, whose tips touch: the row of tips is longer along the fingers.
    labels = np.zeros((60, 24, 5), np.uint8)
    starts = {1: 2, 2: 26, 3: 8, 4: 30}
    for value, start in starts.items():
        lateral = 1 + 5 * (value - 1)
        labels[start : start + 6, lateral : lateral + 4, 1:4] = value
        labels[50:56, lateral : lateral + 4, 1:4] = value + 4
    table = table_of((5,), (6,), (7,), (8,), (1,), (2,), (3,), (4,))
    gaps = Gaps(observe(labels, (1, 1, 1), table).found)
    chains = chains_of(table)
    assert [len(chain) for chain in chains] == [2, 2, 2, 2]

    def rows(*row: int) -> list[Fault]:
        faults = Arrangement(gaps, chains, (row,), {}).faults({})
        return [fault for fault in faults if fault.kind == "row"]

    assert rows(1, 2, 3, 4) == []
    assert rows(1, 3, 2, 4) != []
