import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.smooth_field import smooth_field

CPU = torch.device("cpu")


@given(
    seed=st.integers(0, 2**40),
    size=st.integers(1, 40),
    spacing_mm=st.floats(0.1, 3),
    length_mm=st.floats(0.5, 30),
)
@settings(max_examples=40, deadline=None)
def test_field_is_bounded_and_so_is_its_slope(seed, size, spacing_mm, length_mm):
    shape, spacing = (5, size, 9), (0.8, spacing_mm, 1.1)
    field = smooth_field(WindowRandom(seed, CPU), 2, shape, spacing, length_mm)
    assert field.shape == (2, *shape)
    assert field.abs().max() <= 1 + 1e-5
    for axis, distance in enumerate(spacing, start=1):
        if field.shape[axis] > 1:
            slope = field.diff(dim=axis).abs().max() / distance
            assert slope <= 2 / max(length_mm, distance) + 1e-4


def test_field_is_a_cubic_spline_of_its_values():
    # Along one axis, with single voxels along the others, against SciPy.
    field = smooth_field(WindowRandom(3, CPU), 1, (1, 50, 1), (1.0, 0.5, 1.0), 4.0)[0, 0, :, 0]
    values = WindowRandom(3, CPU).uniform_grid(1, 4, 10, 4)[0].double().numpy()
    weights = np.array([1, 4, 1, 0]) / 6  # of a spline at its first value
    control = np.einsum("ijk,i,k->j", values, weights, weights)
    spline = BSpline(np.arange(-3, 11), control, 3)
    np.testing.assert_allclose(field, spline(np.arange(50) * 0.5 / 4.0), atol=1e-6)


def test_fields_differ():
    field = smooth_field(WindowRandom(0, CPU), 2, (8, 30, 30), (1.0, 1.0, 1.0), 5.0)
    assert (field[0] - field[1]).abs().mean() > 0.05
    assert field.mean().item() == pytest.approx(0, abs=0.2)
