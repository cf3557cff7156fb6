"""Statistics of a value over several trainings and cases."""

import numpy as np
from numpy.typing import NDArray

from amcnet.metrics.statistics import CONFIDENCE, RESAMPLES, Statistics


def describe_runs(values: NDArray[np.float64], seed: int = 0) -> Statistics:
    """Compute the statistics of one value over trainings and cases.

    The interval includes the variation between trainings: it is the percentile interval of a
    bootstrap that resamples the trainings and the cases independently of each other, because all
    trainings are scored on the same cases (Owen, The pigeonhole bootstrap, 2007). With two or three
    trainings it is too narrow, but less so than an interval over cases alone.

    Args:
        values: One number per training and case, (training, case); NaN means no value.
        seed: Seed of the resampling; equal seeds give equal intervals.

    Returns:
        The statistics of the means over trainings; ``count`` is the number of cases with a value.

    Example:
        >>> runs = np.array([[0.7, 0.8, 0.9], [0.8, 0.9, 1.0]])
        >>> found = describe_runs(runs)
        >>> found.count, round(found.mean, 3)
        (3, 0.85)
        >>> found.low <= found.mean <= found.high
        True
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    cases = known.any(axis=0)
    if not cases.any():
        return Statistics(0, None, None, None, None, None)
    by_case = filled[:, cases].sum(axis=0) / known[:, cases].sum(axis=0)
    mean = float(filled.sum() / known.sum())
    median, count = float(np.median(by_case)), int(cases.sum())
    if count == 1:
        return Statistics(1, mean, None, median, None, None)
    runs_taken, cases_taken = (_times_taken(size, seed + n) for n, size in enumerate(values.shape))
    totals = ((runs_taken @ filled) * cases_taken).sum(axis=1)
    counts = ((runs_taken @ known) * cases_taken).sum(axis=1)
    means = totals[counts > 0] / counts[counts > 0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Statistics(count, mean, float(by_case.std(ddof=1)), median, float(low), float(high))


def _times_taken(size: int, seed: int) -> NDArray[np.float64]:
    """Return how often each of ``size`` items is drawn in each resample, (resample, item)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(size, np.full(size, 1 / size), RESAMPLES).astype(np.float64)
