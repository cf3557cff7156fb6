import numpy as np

from amcnet.comparison.picture import marked_errors, median_case

from .made_rows import made_result


def test_borders_are_no_errors_and_blocks_are():
    truth = np.zeros((12, 14), np.uint8)
    truth[3:9, 3:9] = 5
    shifted = np.roll(truth, 1, axis=1)
    assert not marked_errors(shifted, truth).any()
    renamed = np.where(truth == 5, 6, 0)
    np.testing.assert_array_equal(marked_errors(renamed, truth), truth == 5)


def test_the_median_case():
    result = made_result("amcnet-ac", {"dsc": 0.8})
    values = result.values("dice_foreground")
    found = sorted(result.cases).index(median_case(result))
    assert (values < values[found]).sum() == 9
