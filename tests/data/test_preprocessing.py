import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from amcnet.data import Preprocessing
from amcnet.phantom import FULL_GRID, NETWORK_GRID

PAPER = Preprocessing()
UINT8 = hnp.arrays(np.uint8, (4, 6, 5))
NEARLY_CONSTANT = np.full((4, 6, 5), 33, np.uint8)
NEARLY_CONSTANT[0, 0, 0] = 32


def float32(spacing: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in spacing)


@pytest.mark.parametrize("grid", [FULL_GRID, NETWORK_GRID])
def test_paper_device_gives_the_papers_plane(grid):
    assert PAPER.network_shape(grid.shape, grid.spacing_mm) == (609, 512, 256)


def test_paper_device_gives_the_papers_plane_from_a_nifti_header():
    # NIfTI keeps its spacing as float32: 0.13 reads as 0.12999999523.
    spacing = float32(FULL_GRID.spacing_mm)
    assert PAPER.network_shape(FULL_GRID.shape, spacing) == (609, 512, 256)


@pytest.mark.parametrize("factor", [1.0, 0.91, 1.09])
def test_scan_axis_is_left_alone_near_the_models_spacing(factor):
    shape = PAPER.network_shape((609, 512, 256), (0.279 * factor, 0.26, 0.176))
    assert shape == (609, 512, 256)


@pytest.mark.parametrize(("spacing", "slices"), [(0.558, 1218), (0.1395, 304), (0.3348, 731)])
def test_scan_axis_is_resampled_where_it_differs_more(spacing, slices):
    shape = PAPER.network_shape((609, 512, 256), (spacing, 0.26, 0.176))
    assert shape[1:] == (512, 256)
    assert abs(shape[0] - slices) <= 1


@given(st.tuples(*[st.integers(1, 300)] * 3), st.tuples(*[st.floats(0.02, 1, allow_nan=False)] * 3))
def test_field_of_view_is_kept_to_half_a_voxel(shape, spacing):
    found = Preprocessing(scan_tolerance=0).network_shape(shape, spacing)
    assert min(found) >= 1
    for n_in, d_in, n_out, d_out in zip(shape, spacing, found, PAPER.spacing_mm, strict=True):
        assert abs(n_in * d_in - n_out * d_out) <= 0.502 * d_out or n_out == 1


@given(UINT8)
@example(NEARLY_CONSTANT)
@settings(deadline=None)
def test_result_has_mean_zero_and_deviation_one(image):
    result = PAPER.apply(image, PAPER.spacing_mm)
    assert result.dtype == np.float32
    if image.min() == image.max():
        assert not result.any()
    else:
        assert result.mean() == pytest.approx(0, abs=1e-5)
        assert result.std() == pytest.approx(1, abs=1e-4)
        expected = (image - image.mean()) / image.std()
        np.testing.assert_allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize("value", [0, 7, 255, 0.1, -3.3])
@pytest.mark.parametrize("spacing", [(0.279, 0.26, 0.176), (0.5, 0.4, 0.3)])
def test_constant_volume_gives_zeros(value, spacing):
    result = PAPER.apply(np.full((6, 7, 5), value), spacing)
    assert result.shape == PAPER.network_shape((6, 7, 5), spacing)
    np.testing.assert_array_equal(result, 0)


def test_brightness_and_contrast_of_the_input_do_not_matter():
    image = np.random.default_rng(0).integers(0, 120, (5, 20, 16)).astype(np.uint8)
    spacing = (0.279, 0.13, 0.088)
    np.testing.assert_allclose(
        PAPER.apply(image, spacing), PAPER.apply(image * 2.0 + 10, spacing), atol=1e-4
    )


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_nor_do_greys_whose_squares_float32_cannot_hold(scale):
    image = np.random.default_rng(0).integers(0, 120, (5, 20, 16)).astype(np.float64)
    spacing = (0.279, 0.13, 0.088)
    np.testing.assert_allclose(
        PAPER.apply(image, spacing), PAPER.apply(image * scale, spacing), atol=1e-4
    )


def test_input_is_left_alone():
    image = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    before = image.copy()
    PAPER.apply(image, PAPER.spacing_mm)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "settings",
    [
        {"spacing_mm": (0.2, 0, 0.1)},
        {"scan_tolerance": -1},
        {"normalisation": "none"},
        {"unknown": 1},
    ],
)
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        Preprocessing(**settings)


def test_fixed_normalisation_clips_then_scales_each_channel_by_its_own_figures():
    fixed = {"low": -10, "high": 30, "mean": 5, "deviation": 4}
    settings = Preprocessing(spacing_mm=(1, 1, 1), normalisation=("zscore", fixed))
    image = np.array([-50, -10, 5, 13, 100], np.float32).reshape(5, 1, 1)
    result = settings.apply(image, (1, 1, 1), channel=1).ravel()
    np.testing.assert_allclose(result, [-3.75, -3.75, 0, 2, 6.25])
    assert settings.apply(image, (1, 1, 1)).mean() == pytest.approx(0, abs=1e-6)


def test_fixed_normalisation_refuses_an_empty_range():
    with pytest.raises(ValidationError, match="expected low < high"):
        Preprocessing(normalisation={"low": 3, "high": 3, "mean": 0, "deviation": 1})
