"""Paired comparison of two results: Wilcoxon's signed-rank test and Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Differences are compared with this precision: 0.3 - 0.2 and 0.2 - 0.1 differ by rounding.
_DECIMALS = 12


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test of paired differences.

    Attributes:
        pairs: Pairs that have both values.
        equal: Number of pairs without a difference; the test skips them.
        p: Two-sided p-value; 1 if no pair differs, None without pairs.

    Example:
        >>> test = signed_rank_test(np.array([0.1, 0.2, 0.0]))
        >>> test.pairs, test.equal
        (3, 1)
    """

    pairs: int
    equal: int
    p: float | None


def smallest_p(pairs: int) -> float:
    """Return the smallest possible two-sided p-value: all differences have one sign.

    Example:
        >>> smallest_p(6)
        0.03125
    """
    return min(1.0, 2.0 ** (1 - pairs))


def signed_rank_test(differences: NDArray[np.float64]) -> PairedTest:
    """Test whether paired differences are centred at zero (Wilcoxon, 1945; two-sided).

    Zero differences are skipped, following Wilcoxon. The p-value is exact up to 50 pairs without
    tied differences and up to 13 with ties; beyond that, it is the normal approximation, corrected
    for ties.

    Args:
        differences: Second minus first value, (case,); NaN if one of them is missing.

    Example:
        >>> signed_rank_test(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])).p
        0.03125
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
    """Correct p-values for multiple tests by Holm's step-down method (Holm, 1979).

    Args:
        p_values: One per test; None if there was nothing to test, which is not counted.

    Returns:
        Corrected values in the same order, at most 1; None stays None.

    Example:
        >>> holm([0.01, None, 0.04])
        [0.02, None, 0.04]
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        corrected[place] = largest
    return corrected
