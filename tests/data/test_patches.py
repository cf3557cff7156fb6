import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from amcnet.data.patches import PatchSampler, PreparedCase, cut_window


def numbered_case(slices: int, name: str = "case", first: int = 0) -> PreparedCase:
    """Every voxel holds the number of its slice; two structures, a long and a short one."""
    number = np.arange(first, first + slices, dtype=np.float16)
    labels = np.zeros((slices, 6, 5), np.uint8)
    labels[: slices // 2, 2:4, 1:3] = 1
    labels[-2:, 4:, 3:] = 2
    image = np.broadcast_to(number[:, None, None], labels.shape).copy()
    return PreparedCase(name, image, labels)


CASES = (numbered_case(30), numbered_case(41, "other", 500))


def test_window_of_an_index_is_always_the_same():
    sampler = PatchSampler(CASES, window=8, seed=3)
    forwards = [sampler(index) for index in range(12)]
    backwards = [sampler(index) for index in reversed(range(12))][::-1]
    for (image, labels), (image_again, labels_again) in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(image, image_again)
        np.testing.assert_array_equal(labels, labels_again)


@given(st.integers(0, 10**6), st.integers(1, 45), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_window_is_a_run_of_slices_with_its_own_labels(index, window, probability):
    image, labels = PatchSampler(CASES, window, 0, probability)(index)
    assert image.shape == (1, window, 6, 5)
    assert labels.shape == (window, 6, 5)
    assert (image.dtype, labels.dtype) == (np.float32, np.uint8)
    case = CASES[int(image.min() >= 500)]
    number = image[0, :, 0, 0].astype(int) - int(case.image[0, 0, 0])
    assert np.all(number == np.minimum(number[0] + np.arange(window), len(case.image) - 1))
    np.testing.assert_array_equal(labels, case.labels[number])


def test_all_cases_and_both_ends_are_seen():
    sampler = PatchSampler(CASES, window=8, seed=0)
    firsts = {int(sampler(index)[0].min()) for index in range(400)}
    assert {0, 22, 500, 533} <= firsts
    assert firsts <= {*range(23), *range(500, 534)}


def test_short_structures_are_seen_more_often_when_foreground_is_asked_for():
    def share(probability: float) -> float:
        sampler = PatchSampler(CASES, 8, 0, probability)
        return float(np.mean([(sampler(index)[1] == 2).any() for index in range(300)]))

    assert share(1.0) > share(0.0) + 0.1


def test_short_volume_repeats_its_last_slice():
    case = numbered_case(5)
    image, labels = cut_window(case, 0, 8)
    np.testing.assert_array_equal(image[:, 0, 0], [0, 1, 2, 3, 4, 4, 4, 4])
    np.testing.assert_array_equal(labels[5:], np.repeat(case.labels[-1:], 3, axis=0))


def test_cut_window_keeps_order_and_place():
    image, labels = cut_window(numbered_case(30), 11, 4)
    np.testing.assert_array_equal(image[:, 2, 2], [11, 12, 13, 14])
    np.testing.assert_array_equal(labels, numbered_case(30).labels[11:15])


def test_case_without_foreground_can_be_sampled():
    case = PreparedCase("empty", np.zeros((9, 4, 4), np.float16), np.zeros((9, 4, 4), np.uint8))
    image, labels = PatchSampler((case,), 4, 0, 1.0)(0)
    assert image.shape == (1, 4, 4, 4)
    assert not labels.any()
