"""Statistics of one value over cases: mean, spread, median and a bootstrap interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 9999
_ROUNDING = 1e-12
_RESAMPLES_AT_ONCE = 500  # bounds the temporary arrays for any number of cases


@dataclass(frozen=True)
class Statistics:
    """Statistics of a value over cases; None if there are too few cases.

    Attributes:
        count: Number of cases with a value.
        mean: Their mean.
        deviation: Sample standard deviation (divided by count - 1), from 2 cases.
        median: Their median.
        low: Lower end of the 95 % interval of the mean, from 2 cases.
        high: Its upper end.

    Example:
        >>> describe(np.array([1.0, 2.0, 6.0])).count
        3
    """

    count: int
    mean: float | None
    deviation: float | None
    median: float | None
    low: float | None
    high: float | None


def describe(values: NDArray[np.float64], seed: int = 0) -> Statistics:
    """Compute the statistics of one value over cases.

    The interval is the bias-corrected and accelerated bootstrap of the mean (BCa; Efron, Better
    bootstrap confidence intervals, 1987), with 9999 resamples of the cases. Equal values give an
    interval of zero width. Below about 20 cases it is too narrow, like every bootstrap interval.

    Args:
        values: One number per case, (case,); NaN means no value.
        seed: Seed of the resampling; equal seeds give equal intervals.

    Example:
        >>> describe(np.array([1.0, 2.0, 6.0])).median
        2.0
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not known.size:
        return Statistics(0, None, None, None, None, None)
    mean, median = float(known.mean()), float(np.median(known))
    if known.size == 1:
        return Statistics(1, mean, None, median, None, None)
    low, high = _mean_interval(known, seed)
    return Statistics(known.size, mean, float(known.std(ddof=1)), median, low, high)


def _mean_interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    lowest, highest = float(values.min()), float(values.max())
    if highest - lowest < _ROUNDING:  # BCa divides by powers of the spread
        return lowest, highest
    interval = bootstrap(
        (values,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=_RESAMPLES_AT_ONCE,
        random_state=np.random.default_rng(seed),
        method="BCa",
    ).confidence_interval
    return float(interval.low), float(interval.high)
