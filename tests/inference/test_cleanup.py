import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from amcnet.inference.cleanup import keep_largest_pieces

SHAPES = st.tuples(*[st.integers(1, 7)] * 3)


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3))))
def test_keeps_one_largest_piece_of_every_label(labels: np.ndarray) -> None:
    cleaned = keep_largest_pieces(labels)
    assert set(np.unique(cleaned)) - {0} == set(np.unique(labels)) - {0}
    assert np.all((cleaned == labels) | (cleaned == 0))
    for value in set(np.unique(labels)) - {0}:
        pieces, _ = ndimage.label(labels == value)
        assert (cleaned == value).sum() == np.bincount(pieces.ravel())[1:].max()
        assert ndimage.label(cleaned == value)[1] == 1


def test_rows_do_not_wrap_around() -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, 3] = labels[0, 1, 0] = labels[0, 1, 1] = 5
    assert np.argwhere(keep_largest_pieces(labels)).tolist() == [[0, 1, 0], [0, 1, 1]]


def test_empty() -> None:
    assert not keep_largest_pieces(np.zeros((3, 4, 5), np.uint8)).any()
