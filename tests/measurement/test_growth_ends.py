import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.measurement import bones_of_epiphyses, measure_structures

FEMUR = LabelTable(
    (
        Structure(1, "head", kind="epiphysis", neighbours=(2,)),
        Structure(2, "femur", kind="bone", neighbours=(1, 3)),
        Structure(3, "condyles", kind="epiphysis", neighbours=(2, 4)),
        Structure(4, "meniscus", kind="cartilage", neighbours=(3,)),
    )
)


@pytest.fixture
def femur():
    labels = np.zeros((40, 20, 20), np.uint8)
    labels[2:6, 6:12, 8:12] = 1
    labels[8:30, 4:14, 7:13] = 2
    labels[32:36, 2:17, 7:13] = 3
    return labels


def test_every_epiphysis_of_the_hand_has_the_bone_of_its_name():
    table = hand_label_table()
    bones = bones_of_epiphyses(table)
    assert len(bones) == 19
    for epiphysis, bone in bones.items():
        assert table[epiphysis].name == f"epiphysis of {table[bone].name}"


def test_two_epiphyses_of_one_bone_and_tables_without_kinds():
    assert bones_of_epiphyses(FEMUR) == {1: 2, 3: 2}
    assert bones_of_epiphyses(LabelTable.from_names(["bone", "epiphysis"])) == {}


def test_an_epiphysis_between_two_bones_that_nothing_tells_apart_is_left_out():
    table = LabelTable(
        (
            Structure(1, "upper", kind="bone"),
            Structure(2, "between", kind="epiphysis", neighbours=(1, 3)),
            Structure(3, "lower", kind="bone"),
        )
    )
    assert bones_of_epiphyses(table) == {}


def test_each_epiphysis_is_compared_with_its_own_end(femur):
    femur[8:14, 4:14, 7:13] = 0
    femur[8:14, 5:13, 8:12] = 2  # the end at the head is 8 voxels wide, the other one 10
    head, bone, condyles, _ = measure_structures(femur, (1.0, 1.0, 1.0), FEMUR)
    assert bone.growth_end is None
    assert head.growth_end.bone == "femur"
    # The axis is not quite along the grid, so extents are right to half a voxel.
    assert head.growth_end.epiphysis_width_mm == pytest.approx(6, abs=0.5)
    assert head.growth_end.shaft_end_width_mm == pytest.approx(8, abs=0.5)
    assert condyles.growth_end.epiphysis_width_mm == pytest.approx(15, abs=0.5)
    assert condyles.growth_end.shaft_end_width_mm == pytest.approx(10, abs=0.5)
    assert condyles.growth_end.width_ratio == pytest.approx(1.5, abs=0.08)


@pytest.mark.parametrize("absent", [1, 2])
def test_without_one_of_them_there_is_no_ratio(femur, absent):
    femur[femur == absent] = 0
    head = measure_structures(femur, (1.0, 1.0, 1.0), FEMUR)[0]
    assert head.growth_end.bone == "femur"
    assert head.growth_end.width_ratio is head.growth_end.epiphysis_width_mm is None


def test_an_epiphysis_round_the_middle_of_its_shaft_has_no_end():
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[1:8, 1:8, 3:6] = 1
    labels[1:8, 3:6, 3:6] = 2
    assert measure_structures(labels, (1.0, 1.0, 1.0), FEMUR)[0].growth_end.width_ratio is None
