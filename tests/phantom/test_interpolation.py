import numpy as np
import pytest

from amcnet.phantom.interpolation import interpolate_axis


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
    np.testing.assert_array_equal(field, before)
