"""Problems of a data set, one line each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

_NAMED_CASES = 3


@dataclass(frozen=True)
class Problem:
    """A fault (error) or an oddity (warning) of a data set.

    Attributes:
        severity: A data set with an error cannot be used.
        case: Name of the case; empty for the data set as a whole.
        what: One sentence; files are named relative to the data set's folder.

    Example:
        >>> Problem("error", "hand_1", "the label file is missing").severity
        'error'
    """

    severity: Literal["error", "warning"]
    case: str
    what: str


def merge_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Merge problems that differ only in the case into one with the number of cases.

    >>> wrong = [Problem("error", name, f"labels/{name}.nrrd is missing") for name in "abcde"]
    >>> merge_problems(wrong)[0].case
    'a, b, c and 2 more'
    >>> merge_problems(wrong)[0].what
    'labels/*.nrrd is missing (5 cases, * is the case)'
    """
    merged: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        what = _without_case(problem)
        merged.setdefault((problem.severity, what), []).append(problem)
    return tuple(_one_for_all(what, same) for (_, what), same in merged.items())


def _without_case(problem: Problem) -> str:
    """Return a problem's text with a star in place of the case, in file names and quotes."""
    if not problem.case:
        return problem.what
    name = rf"(?:(?<=[/'])|^){re.escape(problem.case)}(?=[-._'/ ]|$)"
    return re.sub(name, "*", problem.what)


def _one_for_all(what: str, same: list[Problem]) -> Problem:
    if len(same) == 1:
        return same[0]
    names = [problem.case for problem in same]
    cases = ", ".join(names[:_NAMED_CASES])
    if more := len(names) - _NAMED_CASES:
        cases = f"{cases} and {more} more" if more > 0 else cases
    return replace(same[0], case=cases, what=f"{what} ({len(names)} cases, * is the case)")
