import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from amcnet.data.case_properties import (
    MAX_SAMPLE,
    IntensityFigures,
    count_labels,
    image_digest,
    measure_channel,
    sample_foreground,
)

NOTHING = np.zeros(0, np.int64)
SHAPES = array_shapes(min_dims=3, max_dims=3, max_side=6)


@given(arrays(np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32)))
def test_figures_of_an_image_agree_with_numpy(image):
    properties = measure_channel(image, NOTHING)
    exact = image.astype(np.float64)
    assert (properties.minimum, properties.maximum) == (exact.min(), exact.max())
    assert properties.mean == pytest.approx(exact.mean(), rel=1e-9, abs=1e-6)
    assert properties.std == pytest.approx(exact.std(), rel=1e-6, abs=1e-6)
    assert properties.foreground is None


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 5)))
def test_label_counts_agree_with_numpy(labels):
    values, counts = np.unique(labels, return_counts=True)
    assert count_labels(labels) == dict(zip(values.tolist(), counts.tolist(), strict=True))


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 3)), st.sampled_from([None, 3]))
def test_a_small_foreground_is_sampled_whole(labels, ignore_value):
    expected = np.flatnonzero((labels != 0) & (labels != (ignore_value or 0)))
    np.testing.assert_array_equal(sample_foreground(labels, ignore_value), expected)


def test_a_large_foreground_is_sampled_evenly_and_repeatably():
    labels = np.ones((40, 30, 50), np.uint8)
    labels[:, :10] = 0
    places = sample_foreground(labels, None)
    assert len(places) == len(set(places.tolist())) == MAX_SAMPLE
    assert labels.reshape(-1)[places].all()
    # Each half of the scan axis holds half of the foreground: 5000 +- 6 standard deviations.
    assert abs(int((places < labels.size // 2).sum()) - 5000) < 6 * 36
    np.testing.assert_array_equal(places, sample_foreground(labels, None))


def test_sampled_values_are_those_of_the_places():
    image = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    properties = measure_channel(image, np.array([3, 59, 7]))
    assert properties.sample.tolist() == [3, 59, 7]
    assert properties.foreground == IntensityFigures.of(np.array([7, 3, 59], np.float32))


def test_figures_of_a_known_sample():
    figures = IntensityFigures.of(np.arange(201, dtype=np.float32))
    assert figures.mean == figures.median == 100
    assert figures.std == pytest.approx(((201**2 - 1) / 12) ** 0.5)
    assert (figures.percentile_00_5, figures.percentile_99_5) == pytest.approx((1, 199))


def test_digest_is_of_values_not_of_their_type():
    image = np.arange(60).reshape(3, 4, 5)
    same = {image_digest(image.astype(dtype)) for dtype in ("uint8", "int16", ">f4", "float64")}
    assert len(same) == 1
    zero = np.zeros((2, 2, 2), np.float32)
    assert image_digest(zero) == image_digest(-zero)
    changed = image.copy()
    changed[2, 3, 4] += 1
    for other in (changed, image[::-1], image.reshape(4, 3, 5), image.reshape(3, 5, 4)):
        assert image_digest(other) not in same
