import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.phantom.interpolation import interpolate_axis, refine_last_axis


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_equals_numpy_interpolation_inside(axis):
    field = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    size = field.shape[axis]
    positions = np.random.default_rng(1).uniform(0, size - 1, 17)
    expected = np.apply_along_axis(
        lambda line: np.interp(positions, np.arange(size), line), axis, field
    )
    result = interpolate_axis(field, axis, positions)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_goes_on_straight_beyond_the_ends():
    line = np.array([1.0, 3.0, 4.0], np.float32)
    np.testing.assert_allclose(interpolate_axis(line, 0, np.array([-1.0, 4.0])), [-1, 6])


def test_leaves_its_input_alone():
    field = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = field.copy()
    interpolate_axis(field, 1, np.array([0.0, 1.5, 3.0]))
    refine_last_axis(field, 3, 8)
    np.testing.assert_array_equal(field, before)


@given(st.integers(1, 9), st.integers(1, 50))
def test_refining_equals_numpy_interpolation(factor, size):
    samples = -(-size // factor) + 1
    field = np.random.default_rng(size).normal(size=(2, 3, samples)).astype(np.float32)
    expected = np.apply_along_axis(
        lambda line: np.interp(np.arange(size) / factor, np.arange(samples), line), 2, field
    )
    refined = refine_last_axis(field, factor, size)
    assert refined.dtype == np.float32
    assert refined.shape == (2, 3, size)
    np.testing.assert_allclose(refined, expected, atol=1e-5)


def test_refining_does_not_use_samples_that_are_not_needed():
    field = np.array([1.0, 2.0, 3.0, np.nan], np.float32)
    np.testing.assert_allclose(refine_last_axis(field, 2, 4), [1, 1.5, 2, 2.5])
