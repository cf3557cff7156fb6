import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from amcnet.data.resampling import linear_weights, resample_image, resample_labels

SIZES = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)


def volume(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 3, shape).astype(np.float32)


def centre(labels: np.ndarray, value: int = 1) -> np.ndarray:
    """Mean position as a share of each axis, about the edges of the field of view."""
    return (np.argwhere(labels == value).mean(axis=0) + 0.5) / labels.shape


@given(SIZES, SIZES)
def test_rows_of_weights_sum_to_one(size_in, size_out):
    weights = linear_weights(size_in, size_out)
    assert weights.shape == (size_out, size_in)
    assert np.all(weights >= 0)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@given(SIZES, SIZES)
def test_every_input_counts(size_in, size_out):
    assert np.all(linear_weights(size_in, size_out).sum(axis=0) > 0)


@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(0, 11)] * 3), SEEDS)
@settings(max_examples=40, deadline=None)
def test_upsampling_equals_torch(shape, more, seed):
    image = volume(shape, seed)
    target = tuple(n + m for n, m in zip(shape, more, strict=True))
    expected = F.interpolate(
        torch.from_numpy(image)[None, None], target, mode="trilinear", align_corners=False
    )
    np.testing.assert_allclose(resample_image(image, target), expected[0, 0], atol=1e-5)


# At least two voxels each way: for a single output column torch 2.13 repeats the first row.
@given(st.tuples(*[st.integers(2, 40)] * 2), st.tuples(*[st.integers(2, 40)] * 2), SEEDS)
@settings(max_examples=40, deadline=None)
def test_transverse_planes_equal_torch_with_antialias(plane, target, seed):
    image = volume((3, *plane), seed)
    expected = F.interpolate(
        torch.from_numpy(image)[:, None], target, mode="bilinear", align_corners=False,
        antialias=True,
    )  # fmt: skip
    np.testing.assert_allclose(resample_image(image, (3, *target)), expected[:, 0], atol=1e-5)


def test_long_scan_axis_is_the_same_in_chunks_as_at_once():
    image = volume((101, 4, 3))
    line = torch.from_numpy(image.reshape(101, 12))[None, None]
    expected = F.interpolate(line, (37, 12), mode="bilinear", align_corners=False, antialias=True)
    np.testing.assert_allclose(
        resample_image(image, (37, 4, 3)).reshape(37, 12), expected[0, 0], atol=1e-5
    )


@given(st.tuples(*[SIZES] * 3), st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_constant_stays_constant(target, value):
    image = np.full((13, 9, 7), value, np.uint8)
    result = resample_image(image, target)
    assert result.shape == target
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, value, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_equal_shape_gives_the_volume_back(dtype):
    image = np.random.default_rng(0).integers(0, 200, (40, 9, 7)).astype(dtype)
    np.testing.assert_array_equal(resample_image(image, image.shape), image)


def test_labels_of_equal_shape_stay():
    labels = np.random.default_rng(0).integers(0, 5, (9, 8, 7), dtype=np.uint8)
    np.testing.assert_array_equal(resample_labels(labels, labels.shape), labels)


@given(
    st.tuples(*[st.integers(10, 24)] * 3),
    st.tuples(*[st.integers(24, 50)] * 3),
    st.tuples(*[st.floats(0.3, 0.5)] * 3),
    st.tuples(*[st.floats(0, 0.4)] * 3),
)
@settings(max_examples=40, deadline=None)
def test_block_of_labels_keeps_its_place(target, shape, extent, start):
    labels = np.zeros(shape, np.uint8)
    labels[tuple(
        slice(int(s * n), int(s * n) + int(e * n))
        for s, e, n in zip(start, extent, shape, strict=True)
    )] = 1  # fmt: skip
    result = resample_labels(labels, target)
    assert np.all(np.abs(centre(result) - centre(labels)) <= 0.5 / np.array(target))
    assert result.mean() == pytest.approx(labels.mean(), rel=0.5)


def test_halving_takes_the_majority():
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4] = 1
    labels[4:, :4] = 2
    expected = np.zeros((4, 4, 4), np.uint8)
    expected[:2] = 1
    expected[2:, :2] = 2
    np.testing.assert_array_equal(resample_labels(labels, (4, 4, 4)), expected)


@given(
    st.sets(st.integers(1, 255), min_size=1, max_size=5),
    st.tuples(*[st.integers(1, 20)] * 3),
    SEEDS,
)
@settings(max_examples=40, deadline=None)
def test_labels_are_never_invented(values, target, seed):
    labels = np.random.default_rng(seed).choice([0, *values], (12, 11, 10)).astype(np.uint8)
    result = resample_labels(labels, target)
    assert result.shape == target
    assert result.dtype == np.uint8
    assert set(np.unique(result)) <= {0, *values}


def test_empty_labels_stay_empty():
    result = resample_labels(np.zeros((9, 8, 7), np.uint8), (4, 5, 6))
    assert result.shape == (4, 5, 6)
    assert not result.any()


def test_labels_without_background_leave_none():
    labels = np.ones((9, 8, 7), np.uint8)
    labels[5:] = 2
    result = resample_labels(labels, (4, 5, 3))
    assert result.all()


def test_labels_and_images_share_their_grid():
    labels = np.zeros((21, 40, 33), np.uint8)
    labels[4:15, 9:31, 5:22] = 3
    image = resample_image((labels > 0).astype(np.float32), (14, 19, 16))
    np.testing.assert_array_equal(resample_labels(labels, (14, 19, 16)) > 0, image >= 0.5)
