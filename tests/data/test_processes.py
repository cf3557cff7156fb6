import math
import os

import pytest

from amcnet.data.processes import map_cases
from amcnet.errors import ConfigError, InputError


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_keep_the_order(jobs):
    calls = []
    squares = [float(value * value) for value in range(7)]
    roots = map_cases(math.sqrt, squares, jobs, lambda done, total: calls.append((done, total)))
    assert roots == list(range(7))
    assert calls == [(done, 7) for done in range(8)]


def test_nothing_to_do():
    assert map_cases(math.sqrt, [], 4) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_unexpected_is_raised(jobs):
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        map_cases(math.sqrt, [1.0, -1.0, 4.0], jobs)


def test_a_process_that_dies():
    with pytest.raises(InputError, match=r"ended unexpectedly.*fewer jobs"):
        map_cases(os._exit, [3, 3], 2)


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_out_of_range(jobs):
    with pytest.raises(ConfigError, match=f"jobs: found {jobs}"):
        map_cases(math.sqrt, [1.0], jobs)
