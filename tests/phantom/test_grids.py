import numpy as np
import pytest

from amcnet.phantom import FULL_GRID, NETWORK_GRID, PhantomGrid


def test_axis_lists_voxel_centres():
    grid = PhantomGrid((5, 4, 3), (0.5, 2.0, 0.25))
    np.testing.assert_array_equal(grid.axis_mm(0), [0, 0.5, 1, 1.5, 2])
    np.testing.assert_array_equal(grid.axis_mm(1, 1, 3), [2, 4])
    np.testing.assert_array_equal(grid.axis_mm(2, 1), [0.25, 0.5])


def test_extent_reaches_from_first_to_last_centre():
    grid = PhantomGrid((5, 4, 3), (0.5, 2.0, 0.25))
    assert grid.extent_mm == tuple(grid.axis_mm(axis)[-1] for axis in range(3))


def test_both_grids_cover_the_field_of_view_of_the_device():
    assert FULL_GRID.shape == (609, 1023, 512)
    for grid in (FULL_GRID, NETWORK_GRID):
        field = np.multiply(grid.shape, grid.spacing_mm)
        assert field == pytest.approx((169.9, 133.0, 45.06), abs=0.05)
