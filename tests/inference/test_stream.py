from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.inference.stream import stream_logits, window_starts


@given(length=st.integers(1, 300), window=st.integers(1, 40), overlap=st.floats(0, 0.9))
def test_windows_cover_every_slice(length: int, window: int, overlap: float) -> None:
    starts = window_starts(length, window, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - window)
    assert all(0 < b - a <= window for a, b in pairwise(starts))


def blended(image: np.ndarray, window: int, overlap: float, network: object) -> np.ndarray:
    """All windows into one array, divided by the sum of weights."""
    padded = np.concatenate([image, image[-1:].repeat(max(0, window - len(image)), axis=0)])
    offsets = np.arange(window) - (window - 1) / 2
    weights = np.exp(-0.5 * (offsets / (0.25 * window)) ** 2)
    total, weight = 0.0, np.zeros(len(padded))
    for start in window_starts(len(padded), window, overlap):
        part = np.zeros((2, *padded.shape))
        logits = network(padded[None, start : start + window])
        part[:, start : start + window] = logits * weights[:, None, None]
        total = total + part
        weight[start : start + window] += weights
    return (total / weight[:, None, None])[:, : len(image)]


@pytest.mark.parametrize(
    ("length", "overlap"), [(37, 0.5), (10, 0.5), (3, 0.5), (23, 0.0), (30, 0.8)]
)
def test_equals_blending_everything_at_once(length: int, overlap: float) -> None:
    image = np.random.default_rng(length).standard_normal((length, 17, 16)).astype(np.float32)

    def network(window: np.ndarray) -> np.ndarray:
        # Depends on the whole window, as instance norm does.
        return np.concatenate([window - window.mean(), window * window.std()])

    slices = list(stream_logits(image[None], 10, overlap, network))
    expected = blended(image, 10, overlap, network)
    np.testing.assert_allclose(np.stack(slices, axis=1), expected, atol=1e-5)


def test_asks_for_one_window_at_a_time() -> None:
    shapes = []

    def network(window: np.ndarray) -> np.ndarray:
        shapes.append(window.shape)
        return window

    stream = stream_logits(np.zeros((1, 100, 16, 16), np.float32), 8, 0.5, network)
    next(stream)
    assert shapes == [(1, 8, 16, 16)]
    for _ in stream:
        pass
    assert set(shapes) == {(1, 8, 16, 16)}
