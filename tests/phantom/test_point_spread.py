import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate1d, gaussian_filter1d

from amcnet.phantom.point_spread import BLOCK_ROWS, Cascade, blur_stream

WIDEST = 10.1


def variance(kernel: np.ndarray) -> np.ndarray:
    offsets = np.arange(kernel.shape[-1]) - kernel.shape[-1] // 2
    return np.sum(kernel * offsets**2, axis=-1)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(st.floats(0.05, WIDEST))
def test_kernel_is_a_symmetric_average_of_the_wanted_variance(sigma):
    kernel = Cascade.gaussian(sigma).kernel()
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-12)
    assert kernel.min() >= 0
    assert variance(kernel) == pytest.approx(sigma**2, rel=0.02)


@pytest.mark.parametrize("sigma", [10.5, 12.0, 100.0])
def test_widths_out_of_reach_stay_at_the_widest(sigma):
    assert np.sqrt(variance(Cascade.gaussian(sigma).kernel())) == pytest.approx(WIDEST, abs=0.05)


@pytest.mark.parametrize("sigma", [0.9, 1.5, 2.2, 3.0, 4.5, 6.0])
def test_kernel_is_close_to_a_gaussian(sigma):
    kernel = Cascade.gaussian(sigma).kernel()
    impulse = np.zeros(2 * len(kernel) + 61)
    impulse[len(impulse) // 2] = 1
    expected = gaussian_filter1d(impulse, sigma, truncate=6)
    padding = (len(impulse) - len(kernel)) // 2
    assert np.abs(np.pad(kernel, padding) - expected).sum() < 0.12


def test_no_width_changes_nothing():
    field = noise((5, 7))
    expected = field.copy()
    nothing = Cascade.gaussian(0.0)
    nothing.apply(field, -1)
    nothing.apply_rows(field)
    np.testing.assert_array_equal(field, expected)
    assert nothing.reach == 0
    np.testing.assert_array_equal(nothing.kernel(), [1])


@pytest.mark.parametrize("sigma", [0.4, 1.3, 4.0])
@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("size", [60, 9])
def test_apply_is_a_convolution_away_from_the_ends(sigma, axis, size):
    cascade = Cascade.gaussian(sigma)
    field = noise((2, size + 2 * cascade.reach, size + 2 * cascade.reach))
    expected = correlate1d(field.astype(float), cascade.kernel(), axis=axis)
    inside = [slice(None)] * 3
    inside[axis] = slice(cascade.reach, cascade.reach + size)
    cascade.apply(field, axis)
    np.testing.assert_allclose(field[tuple(inside)], expected[tuple(inside)], atol=1e-5)


def test_each_depth_has_its_own_width_across():
    sigmas = np.linspace(0, 5, 12)
    cascade = Cascade.gaussian(sigmas)
    rows = 2 * cascade.reach + 1
    impulse = np.zeros((rows, len(sigmas)), np.float32)
    impulse[cascade.reach] = 1
    cascade.apply(impulse, -2)
    np.testing.assert_allclose(impulse.T, cascade.kernel(), atol=1e-6)
    np.testing.assert_allclose(variance(impulse.T.astype(float)), sigmas**2, atol=0.02)


@given(st.floats(0, WIDEST), st.integers(1, 40), st.sampled_from([-1, -2]))
def test_flat_fields_stay_flat_to_the_ends(sigma, size, axis):
    field = np.full((size, size), 3.5, np.float32)
    Cascade.gaussian(sigma).apply(field, axis)
    np.testing.assert_allclose(field, 3.5, rtol=1e-5)


@given(st.floats(0, WIDEST), st.integers(1, 30))
def test_blur_never_leaves_the_range_of_its_input(sigma, size):
    field = noise((size, 3), size)
    low, high = field.min(), field.max()
    Cascade.gaussian(sigma).apply(field, -2)
    assert low - 1e-5 <= field.min() <= field.max() <= high + 1e-5


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 6.0])
def test_noise_gain_is_what_white_noise_is_left_with(sigma):
    cascade = Cascade.gaussian(sigma)
    field = noise((400, 1000 + 2 * cascade.reach))
    cascade.apply(field, -1)
    left = field[:, cascade.reach : field.shape[1] - cascade.reach].std()
    assert float(cascade.noise_gain()) == pytest.approx(left, rel=0.03)


@pytest.mark.parametrize("rows", [1, 5, 127, 128, 129, 300, 2 * BLOCK_ROWS + 1])
@pytest.mark.parametrize("before", [None, Cascade.gaussian(1.2)])
def test_blocks_of_rows_leave_no_trace(rows, before):
    cascade = Cascade.gaussian(np.linspace(0.5, 4, 20))
    field = noise((2, rows, 20), rows)
    expected = field.copy()
    if before is not None:
        before.apply(expected, -1)
    cascade.apply(expected, -2)
    cascade.apply_rows(field, before)
    np.testing.assert_array_equal(field, expected)


@pytest.mark.parametrize("sigma", [0.0, 0.6, 2.0, 5.0])
@pytest.mark.parametrize("rows", [3, 130])
def test_stream_equals_blurring_the_stack(sigma, rows):
    cascade = Cascade.gaussian(sigma)
    stack = noise((2 * cascade.reach + 9, 2, rows, 4))
    expected = correlate1d(stack.astype(float), cascade.kernel(), axis=0)
    blurred = list(blur_stream(cascade, iter(stack.copy())))
    assert len(blurred) == 9
    inside = slice(cascade.reach, cascade.reach + 9)
    np.testing.assert_allclose(np.stack(blurred), expected[inside], atol=1e-5)


def test_stream_that_is_too_short_yields_nothing():
    cascade = Cascade.gaussian(2.0)
    planes = list(noise((2 * cascade.reach, 3, 4)))
    assert list(blur_stream(cascade, iter(planes))) == []
