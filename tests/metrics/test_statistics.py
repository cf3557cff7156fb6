import statistics

import numpy as np
import pytest
from scipy import stats

from amcnet.metrics.statistics import Statistics, describe

NAN = float("nan")


def test_figures_are_those_of_the_standard_library():
    values = [0.71, 0.84, 0.9, 0.66, 0.88, 0.79]
    found = describe(np.array([*values[:3], NAN, *values[3:]]))
    assert found.count == 6
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert found.median == pytest.approx(statistics.median(values))
    assert found.low < found.mean < found.high


def test_too_few_cases():
    assert describe(np.array([NAN, NAN])) == Statistics(0, None, None, None, None, None)
    assert describe(np.array([NAN, 0.25])) == Statistics(1, 0.25, None, 0.25, None, None)


@pytest.mark.parametrize("values", [[0.7] * 5, [0.0, 1e-300], [0.3, 0.1 + 0.2], [0.0, 0.0, 1.0]])
def test_intervals_of_hardly_different_values_are_numbers(values):
    found = describe(np.array(values))
    assert min(values) <= found.low <= found.high <= max(values)


def test_one_seed_gives_one_interval():
    values = np.random.default_rng(0).beta(8, 2, 12)
    assert describe(values, 3) == describe(values, 3)
    assert describe(values, 3) != describe(values, 4)


def test_many_normal_values_give_the_interval_of_student():
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = describe(values)
    expected = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.03)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr("amcnet.metrics.statistics.RESAMPLES", 999)
    rng = np.random.default_rng(2)
    found = [describe(rng.beta(8, 2, 40), trial) for trial in range(250)]
    hits = sum(one.low <= 0.8 <= one.high for one in found)
    # 95 % of 250 is 237; bootstrap intervals of 40 values hold it in some 93 %.
    assert 222 <= hits <= 247
