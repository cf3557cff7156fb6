import numpy as np

from amcnet.anatomy import IGNORE, LabelTable, hand_label_table
from amcnet.labelmaps.kinds import kind_lookup


def test_every_structure_of_the_hand_has_its_kind() -> None:
    table = hand_label_table()
    lookup = kind_lookup(table)
    for structure in table:
        assert table.kinds[lookup[structure.value] - 1] == structure.kind


def test_background_and_unjudged_voxels_stay() -> None:
    lookup = kind_lookup(LabelTable.from_names(["a", "b"]))
    labels = np.array([0, 1, 2, IGNORE], np.uint8)
    assert lookup[labels].tolist() == [0, 1, 1, IGNORE]
