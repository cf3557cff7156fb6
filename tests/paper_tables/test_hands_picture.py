import numpy as np

from amcnet.paper_tables.hands_picture import marked_errors


def test_borders_are_no_errors_and_blocks_are():
    truth = np.zeros((12, 14), np.uint8)
    truth[3:9, 3:9] = 5
    shifted = np.roll(truth, 1, axis=1)
    assert not marked_errors(shifted, truth).any()
    renamed = np.where(truth == 5, 6, 0)
    np.testing.assert_array_equal(marked_errors(renamed, truth), truth == 5)
