"""Solids whose sizes are known, turned in anisotropic grids."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from amcnet.measurement import surface_area_mm2

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "measurement.py"
spec = importlib.util.spec_from_file_location("benchmark_measurement", SCRIPT)
benchmark = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = benchmark
spec.loader.exec_module(benchmark)

SMOOTH = ("ellipsoid 8 x 6 x 3", "capsule 8 x 3")
SHARP = ("cylinder 9 x 4", "box 9 x 6 x 2.5", "box 20 x 5 x 5")
OBLIQUE_SEEDS = range(benchmark.ALONG_GRID, benchmark.ALONG_GRID + 3)


@pytest.mark.parametrize("spacing_mm", benchmark.SPACINGS_MM)
@pytest.mark.parametrize("name", SMOOTH + SHARP)
def test_oblique_solids(name, spacing_mm):
    solid = benchmark.SOLIDS[name]
    for seed in OBLIQUE_SEEDS:
        errors = benchmark.errors_of(solid, spacing_mm, seed)
        for key, size_mm in zip(benchmark.EXTENTS, solid.size_mm, strict=True):
            assert abs(errors[key]) < max(0.01 * size_mm, max(spacing_mm) / 2), (key, seed)
        assert abs(errors["volume_percent"]) < 1, seed
        assert -5 * (name in SHARP) - 1.2 < errors["surface_area_percent"] < 1, seed


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
