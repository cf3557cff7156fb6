import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from amcnet.labelmaps.run_length import RunLengthEncoder, RunLengthEncoding

SHAPES = st.tuples(*[st.integers(1, 6)] * 3)
VOLUMES = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3)))


def collect(labels: np.ndarray) -> RunLengthEncoding:
    collector = RunLengthEncoder()
    for plane in labels:
        collector.add(plane)
    return collector.runs()


@given(VOLUMES)
def test_runs_are_the_longest_stretches_of_equal_label_within_a_row(labels: np.ndarray) -> None:
    runs = collect(labels)
    assert runs.shape == labels.shape
    painted = np.zeros(labels.size, np.uint8)
    for start, stop, value in zip(runs.start, runs.stop, runs.value, strict=True):
        assert start // labels.shape[2] == (stop - 1) // labels.shape[2]
        painted[start:stop] = value
    assert np.array_equal(painted.reshape(labels.shape), labels)
    beginnings = np.diff(labels.astype(int), axis=2, prepend=0) != 0
    assert len(runs.start) == (beginnings & (labels > 0)).sum()
    assert np.all(runs.start[1:] >= runs.stop[:-1])


@given(VOLUMES, st.data())
def test_fill_changes_the_voxels_of_the_chosen_runs_only(
    labels: np.ndarray, data: st.DataObject
) -> None:
    runs = collect(labels)
    chosen = np.flatnonzero(data.draw(arrays(bool, len(runs.start))))
    filled = labels.copy()
    runs.fill(filled, chosen, 9)
    expected = labels.copy().ravel()
    for run in chosen:
        expected[runs.start[run] : runs.stop[run]] = 9
    assert np.array_equal(filled, expected.reshape(labels.shape))


def test_ends_lie_at_the_first_and_last_voxel() -> None:
    labels = np.zeros((2, 3, 5), np.uint8)
    labels[1, 2, 1:4] = 7
    ends_mm = collect(labels).ends_mm(np.array([0]), (2.0, 3.0, 0.5))
    assert ends_mm.tolist() == [[2.0, 6.0, 0.5], [2.0, 6.0, 1.5]]


def test_planes_that_are_not_contiguous() -> None:
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) // 5
    runs, same = collect(labels), collect(np.asfortranarray(labels))
    assert np.array_equal(runs.start, same.start)
    assert np.array_equal(runs.value, same.value)


def test_no_slice_and_no_label() -> None:
    assert len(RunLengthEncoder().runs().start) == 0
    runs = collect(np.zeros((2, 3, 4), np.uint8))
    assert runs.shape == (2, 3, 4)
    assert len(runs.start) == 0
