from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.inference.sliding_windows import Windows, gaussian, window_starts


@given(length=st.integers(1, 300), slices=st.integers(1, 40), overlap=st.floats(0, 0.9))
def test_windows_cover_every_slice(length: int, slices: int, overlap: float) -> None:
    starts = window_starts(length, slices, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - slices)
    assert all(0 < b - a <= slices for a, b in pairwise(starts))


@pytest.mark.parametrize("slices", [1, 8, 15])
def test_weights_have_a_standard_deviation_of_a_quarter_window(slices: int) -> None:
    weights = gaussian(slices)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, weights[::-1])
    # At one standard deviation from the middle: exp(-1/2).
    middle = (slices - 1) / 2
    distance = (np.arange(slices) - middle) / (slices / 4)
    np.testing.assert_allclose(np.log(weights), -(distance**2) / 2, atol=1e-6)


@given(
    length=st.integers(1, 300),
    slices=st.integers(1, 250),
    shortest=st.integers(1, 250),
    scan=st.integers(1, 40),
)
def test_fitted_windows_are_no_longer_than_what_there_is_to_see(length, slices, shortest, scan):
    fitted = Windows(slices, 0.25).fitted(length, shortest, (scan, 16, 32))
    assert fitted.slices == slices or fitted.slices == max(length, shortest, scan) < slices
    assert (fitted.overlap, fitted.least_shape) == (0.25, (scan, 16, 32))
