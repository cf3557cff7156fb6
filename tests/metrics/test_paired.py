from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from amcnet.metrics.paired import PairedTest, holm, signed_rank_test, smallest_p

# Hollander and Wolfe (1973), pages 29-33: depression before and after a therapy; V = 40.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def p_by_all_signs(differences: list[float]) -> float:
    """Two-sided p-value from every choice of signs, all of them equally likely."""
    ranks = rankdata(np.abs(differences))
    observed = ranks[np.array(differences) > 0].sum()
    sums = [ranks[np.array(signs)].sum() for signs in product((False, True), repeat=len(ranks))]
    low, high = np.mean(np.array(sums) <= observed), np.mean(np.array(sums) >= observed)
    return min(1.0, 2 * min(low, high))


def test_published_example():
    assert signed_rank_test(AFTER - BEFORE).p == pytest.approx(0.0390625)


@settings(max_examples=40)
@given(st.lists(st.integers(-4, 4), max_size=8))
def test_exact_with_ties_and_equal_pairs(differences):
    found = signed_rank_test(np.array([*map(float, differences), np.nan]))
    different = [d for d in differences if d]
    assert (found.pairs, found.equal) == (len(differences), len(differences) - len(different))
    if not differences:
        assert found.p is None
    else:
        assert found.p == pytest.approx(p_by_all_signs(different) if different else 1.0)


def test_no_pair_and_no_difference():
    assert signed_rank_test(np.array([np.nan])) == PairedTest(0, 0, None)
    assert signed_rank_test(np.zeros(7)) == PairedTest(7, 7, 1.0)


def test_rounding_makes_no_difference():
    # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit; as decimals they are tied.
    differences = np.array([0.3 - 0.2, 0.1 - 0.2, 0.1 + 0.2 - 0.3, 0.5])
    assert signed_rank_test(differences) == signed_rank_test(np.array([0.1, -0.1, 0.0, 0.5]))


@pytest.mark.parametrize("pairs", [1, 5, 6, 11])
def test_smallest_p_is_that_of_differences_of_one_sign(pairs):
    assert smallest_p(pairs) == pytest.approx(signed_rank_test(np.arange(1.0, pairs + 1)).p)


def test_holm_by_hand():
    # Sorted 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, none smaller than the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.9]) == [1.0, None, 1.0]
    assert holm([None]) == [None]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.5))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values, level):
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    rejected = set()
    for rank, place in enumerate(order):
        if (len(order) - rank) * p_values[place] > level:
            break
        rejected.add(place)
    assert {i for i, p in enumerate(holm(p_values)) if p <= level} == rejected
