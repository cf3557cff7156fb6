"""Paired comparison of two results: Wilcoxon's signed-rank test and Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DECIMALS = (
    12  # Differences that agree so far are equal: 0.3 - 0.2 and 0.2 - 0.1 differ by rounding.
)


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test of paired differences.

    Attributes:
        pairs: Pairs that have both values.
        equal: How many of them do not differ; the test leaves them out.
        p: Two-sided p-value; 1 where no pair differs, None without pairs.
    """

    pairs: int
    equal: int
    p: float | None


def smallest_p(pairs: int) -> float:
    """Return the smallest two-sided p-value of the signed-rank test: all differences one way."""
    return min(1.0, 2.0 ** (1 - pairs))


def signed_rank_test(differences: NDArray[np.float64]) -> PairedTest:
    """Test whether paired differences lie around zero (Wilcoxon, 1945; two-sided).

    Zero differences are left out, as Wilcoxon did. The p-value is exact up to 50 pairs without
    tied differences and up to 13 with ties; beyond, it is the normal approximation, corrected for
    ties.

    Args:
        differences: Second minus first value, (case,); NaN where one of them is missing.
    """
    from scipy.stats import wilcoxon

    known = np.asarray(differences, dtype=np.float64)
    known = known[~np.isnan(known)].round(_DECIMALS)
    different = known[known != 0]
    equal = known.size - different.size
    if not known.size:
        return PairedTest(0, 0, None)
    if not different.size:
        return PairedTest(known.size, equal, 1.0)
    return PairedTest(known.size, equal, min(1.0, float(wilcoxon(different).pvalue)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number by Holm's step-down method (Holm, 1979).

    Args:
        p_values: One a test; None where there was nothing to test, which does not count.

    Returns:
        Corrected values in the same order, at most 1; None stays None.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        corrected[place] = largest
    return corrected
