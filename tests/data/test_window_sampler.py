from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amcnet.data.window_sampler import WindowSampler, even_windows, random_box

from .prepared import numbered_case, store_case


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    return numbered_case(folder, 30), numbered_case(folder, 41, "other", 500)


def test_window_of_an_index_is_always_the_same(cases):
    sampler = WindowSampler(cases, window=8, seed=3)
    forwards = [sampler(index) for index in range(12)]
    backwards = [sampler(index) for index in reversed(range(12))][::-1]
    for (image, labels), (image_again, labels_again) in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(image, image_again)
        np.testing.assert_array_equal(labels, labels_again)


def test_windows_differ_between_indices_and_seeds(cases):
    starts = [
        [WindowSampler(cases, 8, seed).place(index)[1] for index in range(40)] for seed in (3, 4)
    ]
    assert starts[0] != starts[1]
    assert len(set(starts[0])) > 10


@given(index=st.integers(0, 10**6), window=st.integers(1, 45), probability=st.floats(0, 1))
@settings(max_examples=40)
def test_window_is_a_run_of_slices_with_its_own_labels(cases, index, window, probability):
    sampler = WindowSampler(cases, window, 0, probability)
    case, start = sampler.place(index)
    image, labels = sampler(index)
    assert image.shape == (1, window, 6, 5)
    assert 0 <= start <= max(0, case.shape[0] - window)
    first = 500 if case.name == "other" else 0
    number = np.minimum(start + np.arange(window), case.shape[0] - 1)
    np.testing.assert_array_equal(image[0, :, 2, 3] - first, number)
    np.testing.assert_array_equal(labels, case.slab(0, case.shape[0])[1][number])


def test_all_cases_and_both_ends_are_seen(cases):
    sampler = WindowSampler(cases, window=8, seed=0)
    places = {(case.name, start) for case, start in map(sampler.place, range(400))}
    assert {("case", 0), ("case", 22), ("other", 0), ("other", 33)} <= places


def test_structures_are_seen_equally_often_however_rare(tmp_path):
    """Structure 2 fills two slices of one case in five, structure 1 half of every case."""
    labels = np.zeros((60, 4, 4), np.uint8)
    labels[:30, 1, 1] = 1
    image = np.zeros((1, *labels.shape), np.float32)
    cases = [store_case(tmp_path, f"c{i}", image, labels) for i in range(4)]
    labels[-2:, 2, 2] = 2
    cases.append(store_case(tmp_path, "rare", image, labels))

    def seen(centre: str) -> Counter[int]:
        sampler = WindowSampler(tuple(cases), 6, 0, 1.0, centre)
        windows = [sampler(index)[1] for index in range(300)]
        return Counter(int(v) for window in windows for v in np.unique(window) if v)

    by_structure, by_slice = seen("structure"), seen("foreground")
    assert 0.7 < by_structure[2] / by_structure[1] < 1.4
    assert by_slice[2] / by_slice[1] < 0.15
    assert by_slice[1] + by_slice[2] >= 300


def test_case_without_foreground_can_be_sampled(tmp_path):
    empty = store_case(
        tmp_path, "empty", np.zeros((1, 9, 4, 4), np.float32), np.zeros((9, 4, 4), np.uint8)
    )
    image, labels = WindowSampler((empty,), 4, 0, 1.0)(0)
    assert image.shape == (1, 4, 4, 4)
    assert not labels.any()


def test_even_windows_lie_in_the_case_and_are_spread(cases):
    starts = even_windows(cases[1], 8, 4)
    assert starts == [4, 12, 21, 29]
    assert even_windows(cases[1], 50, 2) == [0, 0]


@given(
    shape=st.tuples(*[st.integers(1, 40)] * 3),
    smallest=st.floats(0.01, 1),
    seed=st.integers(0, 2**32),
)
def test_random_boxes_lie_inside_and_keep_their_share(shape, smallest, seed):
    box = random_box(shape, smallest, np.random.default_rng(seed))
    for part, size in zip(box, shape, strict=True):
        assert 0 <= part.start < part.stop <= size
        assert part.stop - part.start >= max(1, round(smallest * size))
