import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.metrics.run_statistics import describe_runs


def additive(
    between_runs: float, between_cases: float, runs: int = 8, cases: int = 40
) -> np.ndarray:
    """Values whose spread between runs and between cases is known exactly."""

    def centred(count: int, deviation: float) -> np.ndarray:
        drawn = np.random.default_rng(count).normal(size=count)
        return deviation * (drawn - drawn.mean()) / drawn.std()

    return 0.8 + centred(runs, between_runs)[:, None] + centred(cases, between_cases)[None, :]


@pytest.mark.parametrize(("runs", "cases"), [(0.02, 0.0), (0.0, 0.06), (0.03, 0.06)])
def test_the_interval_has_the_width_of_both_variances(runs: float, cases: float) -> None:
    # The mean of resampled additive values has the variance s_r^2 / R + s_c^2 / C.
    found = describe_runs(additive(runs, cases))
    expected = 2 * 1.96 * np.sqrt(runs**2 / 8 + cases**2 / 40)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(expected, rel=0.06)
    assert found.mean == pytest.approx(0.8)


def test_equal_runs_say_as_much_as_one() -> None:
    one = additive(0, 0.05, runs=1)
    many = describe_runs(np.repeat(one, 3, axis=0))
    alone = describe_runs(one)
    assert many.low == pytest.approx(alone.low, abs=0.001)
    assert many.high == pytest.approx(alone.high, abs=0.001)


def test_missing_values_do_not_count() -> None:
    values = np.array([[0.5, np.nan, 0.7], [0.6, np.nan, np.nan]])
    found = describe_runs(values)
    assert found.count == 2
    assert found.mean == pytest.approx(0.6)
    assert found.median == pytest.approx((0.55 + 0.7) / 2)


def test_without_values_there_is_nothing() -> None:
    assert describe_runs(np.full((2, 3), np.nan)).mean is None
    assert describe_runs(np.array([[0.4], [0.6]])).low is None


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_the_interval_holds_the_mean(numbers: list[float]) -> None:
    found = describe_runs(np.array(numbers).reshape(2, 3))
    assert found.low is not None
    assert found.high is not None
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
