"""Solids whose sizes are known, turned in anisotropic grids."""

import numpy as np
import pytest

from amcnet.measurement import surface_area_mm2
from amcnet.measurement.surface_area import _Packed
from benchmarks import measurement as benchmark

SMOOTH = ("ellipsoid 8 x 6 x 3", "capsule 8 x 3")
SHARP = ("cylinder 9 x 4", "box 9 x 6 x 2.5", "box 20 x 5 x 5")
FINE_MM = benchmark.SPACINGS_MM[:2]
OBLIQUE_SEEDS = range(benchmark.ALONG_GRID, benchmark.ALONG_GRID + 3)


@pytest.mark.parametrize("spacing_mm", FINE_MM)
@pytest.mark.parametrize("name", SMOOTH + SHARP)
def test_oblique_solids(name, spacing_mm):
    solid = benchmark.SOLIDS[name]
    for seed in OBLIQUE_SEEDS:
        errors = benchmark.errors_of(solid, spacing_mm, seed)
        for key, limit in benchmark.limits_of(solid, spacing_mm, seed).items():
            assert abs(errors[key]) < limit, (key, seed)
        assert abs(errors["volume_percent"]) < 1, seed
        assert abs(errors["surface_area_percent"]) < (2.5 if name in SHARP else 1), seed


@pytest.mark.parametrize("name", ["capsule 8 x 3", "ellipsoid 8 x 6 x 3"])
def test_round_solids_along_the_grid(name):
    solid, spacing_mm = benchmark.SOLIDS[name], FINE_MM[1]
    for seed in range(4):
        errors = benchmark.errors_of(solid, spacing_mm, seed)
        for key, limit in benchmark.limits_of(solid, spacing_mm, seed).items():
            assert abs(errors[key]) < limit, (key, seed)
        assert abs(errors["surface_area_percent"]) < 1, seed


@pytest.mark.parametrize("spacing_mm", benchmark.SPACINGS_MM)
def test_surface_of_a_box_of_whole_voxels_along_the_grid(spacing_mm):
    mask = np.ones((30, 40, 50), bool)
    edges = benchmark.box(*np.array(mask.shape) * spacing_mm)
    assert surface_area_mm2(mask, spacing_mm) == pytest.approx(edges.surface_area_mm2, rel=0.02)


def test_packed_masks_count_the_crossings_of_every_step():
    mask = np.random.default_rng(0).random((5, 6, 70)) < 0.5
    packed = _Packed(mask, 9)
    for step in np.array([[0, 0, 1], [1, -2, 9], [-4, 1, -3], [2, 0, 0], [6, 1, 1]]):
        ends = np.argwhere(mask) + step
        inside = ((ends >= 0) & (ends < mask.shape)).all(axis=1)
        pairs = np.count_nonzero(mask[tuple(ends[inside].T)])
        assert packed.crossings(step) == 2 * (np.count_nonzero(mask) - pairs)


@pytest.mark.parametrize("seed", OBLIQUE_SEEDS)
def test_ratio_of_an_oval_beside_a_shaft_that_widens(seed):
    assert abs(benchmark.ratio_error_percent(benchmark.SPACINGS_MM[0], seed)) < 3


@pytest.mark.parametrize("seed", [0, 1])
def test_ends_along_the_grid_are_right_to_half_a_voxel_each(seed):
    spacing_mm = benchmark.SPACINGS_MM[0]
    errors = benchmark.errors_of(benchmark.SOLIDS["box 9 x 6 x 2.5"], spacing_mm, seed)
    for key, edge_mm in zip(benchmark.EXTENTS, spacing_mm, strict=True):
        assert abs(errors[key]) <= edge_mm + 1e-9


def test_surface_scales_with_the_square_of_the_size_and_not_with_the_order_of_the_axes():
    solid = benchmark.SOLIDS["capsule 8 x 3"]
    spacing_mm = (0.4, 0.3, 0.2)
    mask = benchmark.rasterise(solid.inside, 4, benchmark.rotation_of(9), spacing_mm, 9)
    area = surface_area_mm2(mask, spacing_mm)
    assert surface_area_mm2(mask, (4.0, 3.0, 2.0)) == pytest.approx(100 * area)
    assert surface_area_mm2(mask.T, spacing_mm[::-1]) == pytest.approx(area, rel=0.005)
    assert surface_area_mm2(mask[::-1], spacing_mm) == pytest.approx(area, rel=0.005)


def test_surface_of_a_cavity_counts_and_room_round_the_solid_does_not():
    spacing_mm = (0.25, 0.25, 0.25)
    along = np.arange(-24, 25) * 0.25
    square = sum(a**2 for a in np.meshgrid(along, along, along, indexing="ij"))
    ball = square <= 5.0**2
    shell = ball & (square > 3.0**2)
    assert surface_area_mm2(shell, spacing_mm) == pytest.approx(np.pi * (10**2 + 6**2), rel=0.01)
    tight = ball[4:-4, 4:-4, 4:-4]
    assert surface_area_mm2(tight, spacing_mm) == pytest.approx(surface_area_mm2(ball, spacing_mm))
    assert surface_area_mm2(np.zeros((3, 3, 3), bool), spacing_mm) == 0
