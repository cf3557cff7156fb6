from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.data import Dataset, Preprocessing
from amcnet.data.case_properties import IntensityFigures
from amcnet.data.fingerprint import ChannelFigures, Fingerprint, StructureFigures
from amcnet.data.training_plan import Plan, PlanBudget, plan_preprocessing
from amcnet.errors import ConfigError

FIGURES = IntensityFigures.of(np.linspace(-200, 300, 501, dtype=np.float32))


def fingerprint(
    shape: tuple[int, int, int] = (60, 100, 80),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    fine_mm: tuple[float, float, float] | None = None,
    channels: tuple[str, ...] = ("image",),
    figures: IntensityFigures = FIGURES,
) -> Fingerprint:
    return Fingerprint(
        cases=20,
        shape=shape,
        spacing_mm=spacing_mm,
        spacing_low_mm=fine_mm or spacing_mm,
        spacing_fine_mm=fine_mm or spacing_mm,
        spacing_high_mm=spacing_mm,
        structures=(StructureFigures(value=1, name="x", voxels=9, cases=20),),
        channels=tuple(ChannelFigures(name=name, foreground=figures) for name in channels),
    )


def dataset(table: LabelTable | None = None) -> Dataset:
    return Dataset(Path("d"), table or LabelTable.from_names(["x"]), ())


def plan(budget: int = PlanBudget().voxels, **changes: object) -> Plan:
    return plan_preprocessing(fingerprint(**changes), dataset(), PlanBudget(budget))


SIZES = st.tuples(*[st.integers(1, 900)] * 3)
SPACINGS = st.tuples(*[st.floats(0.05, 8)] * 3)


@given(SIZES, SPACINGS, SPACINGS, st.integers(16, 4_000_000))
def test_invariants(shape, spacing_mm, ratio, budget):
    fine_mm = tuple(s * min(1, r) for s, r in zip(spacing_mm, ratio, strict=True))
    made = plan(budget, shape=shape, spacing_mm=spacing_mm, fine_mm=fine_mm)
    target = made.preprocessing.spacing_mm
    scan, lateral, depth = made.preprocessing.network_shape(shape, spacing_mm)
    assert made.window * lateral * depth <= budget
    assert made.window % 4 == 0
    assert 8 <= made.window <= 64
    # At most 10 % of the scan axis is left alone, and a window never is much longer than that.
    assert made.window <= max(8, 1.1 * scan + 4)
    # Both axes of the plane become coarser by one factor, unless one is the coarsest of all.
    factors = np.divide(target, spacing_mm)
    if max(spacing_mm) <= 3 * min(spacing_mm):
        assert factors[0] == pytest.approx(1, rel=1e-5)
        assert factors[1] == pytest.approx(factors[2], rel=1e-4)
        assert factors[1] >= 1 - 1e-5
    assert all(reason and "\n" not in reason for reason in made.reasons)


@given(SIZES, SPACINGS)
def test_the_hand_gets_the_papers_settings(shape, spacing_mm):
    hand = fingerprint(shape=shape, spacing_mm=spacing_mm, channels=("ultrasound",))
    made = plan_preprocessing(hand, dataset(hand_label_table()))
    assert made.preprocessing == Preprocessing()
    assert made.window == 16
    assert len(made.reasons) == 1


def test_the_papers_volume_fits_the_default_budget_exactly():
    made = plan(shape=(609, 512, 256), spacing_mm=(0.279, 0.26, 0.176))
    assert (made.preprocessing.spacing_mm, made.window) == ((0.279, 0.26, 0.176), 16)
    one_more = plan(shape=(609, 513, 256), spacing_mm=(0.279, 0.26, 0.176))
    assert one_more.preprocessing.spacing_mm[1] > 0.26
    assert any("more than the budget" in reason for reason in one_more.reasons)
    assert not any("more than the budget" in reason for reason in made.reasons)


@pytest.mark.parametrize(
    ("shape", "budget", "window"),
    [
        ((200, 100, 100), 640_000, 64),  # exactly 64 slices
        ((200, 100, 100), 639_999, 60),
        ((200, 100, 100), 6_400_000, 64),  # never more
        ((41, 100, 100), 6_400_000, 44),  # the volume, rounded up to 4
        ((40, 100, 100), 6_400_000, 40),
        ((3, 100, 100), 6_400_000, 8),  # never less
        ((9, 100, 100), 6_400_000, 12),
    ],
)
def test_window(shape, budget, window):
    made = plan(budget, shape=shape)
    assert made.window == window
    assert made.preprocessing.spacing_mm == (1, 1, 1)
    assert f"the window is {window} slices" in " ".join(made.reasons)


def test_a_large_plane_becomes_coarser():
    made = plan(160_000, shape=(100, 400, 100))
    assert made.preprocessing.spacing_mm == pytest.approx((1, 2, 2), rel=1e-3)
    assert made.window == 16
    assert "2 times as coarse" in " ".join(made.reasons)
    assert "200 x 50" in " ".join(made.reasons)


def test_a_short_volume_needs_fewer_slices_to_fit():
    made = plan(80_000, shape=(6, 100, 100))
    assert (made.preprocessing.spacing_mm, made.window) == ((1, 1, 1), 8)


def test_coarsest_axis_of_anisotropic_data():
    made = plan(spacing_mm=(5.0, 0.8, 0.7), fine_mm=(2.5, 0.6, 0.5))
    assert made.preprocessing.spacing_mm == (2.5, 0.8, 0.7)
    assert "10th percentile" in " ".join(made.reasons)
    finer = plan(spacing_mm=(5.0, 0.8, 0.7), fine_mm=(0.1, 0.6, 0.5))
    assert finer.preprocessing.spacing_mm == (0.8, 0.8, 0.7)
    exactly_three = plan(spacing_mm=(3.0, 1.0, 1.0), fine_mm=(1.5, 1.0, 1.0))
    assert exactly_three.preprocessing.spacing_mm == (3, 1, 1)
    same = plan(spacing_mm=(5.0, 0.8, 0.7))
    assert same.preprocessing.spacing_mm == (5, 0.8, 0.7)
    assert "10th percentile" not in " ".join(same.reasons)
    in_plane = plan(spacing_mm=(0.5, 0.4, 2.0), fine_mm=(0.5, 0.4, 1.0))
    assert in_plane.preprocessing.spacing_mm == (0.5, 0.4, 1.0)


def test_spacings_of_float32_headers_become_plain_numbers():
    spacing_mm = tuple(float(np.float32(value)) for value in (0.3, 0.26, 0.176))
    assert plan(spacing_mm=spacing_mm).preprocessing.spacing_mm == (0.3, 0.26, 0.176)


@pytest.mark.parametrize("name", ["CT", "ct", " Ct "])
def test_ct_gets_fixed_figures(name):
    how = plan(channels=(name,)).preprocessing.normalisation
    assert (how.low, how.high) == pytest.approx((-197.5, 297.5))
    assert how.mean == pytest.approx(50)
    assert how.deviation == pytest.approx(FIGURES.std)


def test_other_channels_are_normalised_by_themselves():
    assert plan(channels=("CTA",)).preprocessing.normalisation == "zscore"
    assert plan(channels=("MR", "PET")).preprocessing.normalisation == "zscore"
    mixed = plan(channels=("MR", "CT"))
    assert mixed.preprocessing.normalisation[0] == "zscore"
    assert mixed.preprocessing.normalisation[1].mean == pytest.approx(50)
    assert sum("'MR'" in reason or "'CT'" in reason for reason in mixed.reasons) == 2


def test_constant_ct():
    flat = IntensityFigures.of(np.full(9, 4, np.float32))
    made = plan(channels=("CT",), figures=flat)
    assert made.preprocessing.normalisation == "zscore"
    assert "all have the value 4" in made.reasons[-1]


def test_a_budget_below_one_voxel_a_slice_is_refused():
    with pytest.raises(ConfigError, match="voxels: found 15, expected 16 or more"):
        PlanBudget(15)
