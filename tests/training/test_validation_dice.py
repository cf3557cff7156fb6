import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import IGNORE, LabelTable, Structure, hand_label_table
from amcnet.training.validation_dice import OverlapCounter

TABLE = LabelTable(
    (Structure(1, "a", "bone"), Structure(2, "b", "plate"), Structure(3, "c", "bone"))
)


@given(st.integers(0, 1000))
def test_dice_is_that_of_the_label_maps_put_together(seed):
    rng = np.random.default_rng(seed)
    predicted, actual = rng.choice([0, 1, 2, 3], (2, 3, 4, 5, 6), p=[0.6, 0.2, 0.1, 0.1])
    counter = OverlapCounter(TABLE)
    for window in range(3):  # one after the other
        counter.add(torch.from_numpy(predicted[window]), torch.from_numpy(actual[window]))

    def dice(value: int) -> float:
        ours, theirs = predicted == value, actual == value
        return 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())

    present = [value for value in (1, 2, 3) if (actual == value).any()]
    scores = counter.scores()
    assert scores["dice"] == pytest.approx(np.mean([dice(value) for value in present]))
    bones = [dice(value) for value in present if value != 2]
    assert scores["dice_bone"] == pytest.approx(np.mean(bones))


def test_ignored_voxels_do_not_count():
    actual = torch.tensor([[1, 1, 2, IGNORE]], dtype=torch.uint8)
    one, other = OverlapCounter(TABLE), OverlapCounter(TABLE)
    one.add(torch.tensor([[1, 1, 2, 3]]), actual)
    other.add(torch.tensor([[1, 1, 2, 1]]), actual)
    assert torch.equal(one.counts, other.counts)
    assert one.scores()["dice"] == 1
    assert one.counts[1].sum() == 3


def test_nothing_there_is_no_score_by_kind_and_a_reset_forgets():
    counter = OverlapCounter(hand_label_table())
    assert counter.scores() == {"dice": 0.0}
    counter.add(torch.ones(4), torch.ones(4))
    assert counter.scores() == {"dice": 1.0, f"dice_{hand_label_table()[1].kind}": 1.0}
    counter.reset()
    assert counter.scores() == {"dice": 0.0}
