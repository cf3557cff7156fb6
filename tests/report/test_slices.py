import numpy as np
import pytest

from amcnet.report.slices import choose_slices, labelled_region


def test_slices_are_spread_over_the_labels_and_full():
    labels = np.zeros((40, 8, 8), dtype=np.uint8)
    labels[10:30, 0:4, :] = 1
    labels[13, 4:8, :] = 2
    labels[27, 4:8, :] = 3
    assert choose_slices(labels, 4) == [13, 17, 22, 27]


def test_volume_without_labels_is_cut_as_a_whole():
    assert choose_slices(np.zeros((40, 4, 4), dtype=np.uint8), 4) == [4, 14, 24, 34]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64])
def test_thin_volume_gives_all_its_slices(dtype):
    assert choose_slices(np.ones((3, 4, 4), dtype=dtype), 4) == [0, 1, 2]


def test_region_has_a_margin_inside_the_plane():
    seen = np.zeros((50, 40), dtype=bool)
    seen[20:30, 2:10] = True
    assert labelled_region(seen, (0.5, 1.0), 4.0) == (slice(12, 38), slice(0, 14))


def test_region_of_nothing_is_everything():
    assert labelled_region(np.zeros((5, 4), bool), (1, 1), 1) == (slice(0, 5), slice(0, 4))
