"""One metric of many cases as a table of numbers: cases by structures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.metrics.summary import MISSED_HD95_KEY, MISSED_HD95_MM, ScoreRow

_IDENTITY = ("label", "name", "kind")


class Level(StrEnum):
    """Level of a group of structures.

    Example:
        >>> [str(level) for level in Level]
        ['all', 'kind', 'structure']
    """

    ALL = "all"
    KIND = "kind"
    STRUCTURE = "structure"


@dataclass(frozen=True)
class Group:
    """Structures whose values are averaged within a case.

    Attributes:
        name: ``all``, a kind, or a structure's name.
        level: The level of the group.
        columns: Columns of :attr:`ScoreTable.values` in the group.

    Example:
        >>> Group("bone", Level.KIND, columns=(0, 2)).columns
        (0, 2)
    """

    name: str
    level: Level
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ScoreTable:
    """One metric of many cases.

    Attributes:
        metric: Its key, for example ``dice``.
        cases: Names of the cases.
        structures: Names of the structures in the order of their table.
        kinds: Kind of each structure; empty where the results have none.
        values: float64, (case, structure), NaN where a structure of a case has no value.

    Example:
        >>> values = np.array([[0.8, 0.9]])
        >>> table = ScoreTable("dice", ("a",), ("femur", "tibia"), ("bone", "bone"), values)
        >>> [group.name for group in table.groups()]
        ['all', 'bone', 'femur', 'tibia']
    """

    metric: str
    cases: tuple[str, ...]
    structures: tuple[str, ...]
    kinds: tuple[str, ...]
    values: NDArray[np.float64]

    def groups(self) -> list[Group]:
        """Return the group of all structures, one per kind, then one per structure."""
        groups = [Group("all", Level.ALL, tuple(range(len(self.structures))))]
        for kind in dict.fromkeys(self.kinds):
            columns = tuple(i for i, other in enumerate(self.kinds) if other == kind)
            groups.append(Group(kind, Level.KIND, columns))
        alone = [Group(name, Level.STRUCTURE, (i,)) for i, name in enumerate(self.structures)]
        return groups + alone

    def by_case(self, group: Group) -> NDArray[np.float64]:
        """Return the mean of a group for each case, (case,); NaN if the case has no value."""
        values = self.values[:, list(group.columns)]
        known = ~np.isnan(values)
        count = known.sum(axis=1)
        total = np.where(known, values, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def select(self, cases: Sequence[str], structures: Sequence[str]) -> "ScoreTable":
        """Return the scores of some cases and structures, in the given order."""
        rows = [self.cases.index(name) for name in cases]
        columns = [self.structures.index(name) for name in structures]
        return replace(
            self,
            cases=tuple(cases),
            structures=tuple(structures),
            kinds=tuple(self.kinds[i] for i in columns) if self.kinds else (),
            values=self.values[np.ix_(rows, columns)],
        )


def scores_of_cases(cases: Mapping[str, ScoreRow], metric: str) -> ScoreTable:
    """Collect one metric of every structure of every case.

    Args:
        cases: Evaluations as :meth:`CaseEvaluation.to_json` returns them, by case name.
        metric: A numeric key of the structures' rows, for example ``dice`` or ``hd95_mm``, or
            ``hd95_missed_as_10mm_mm``: the HD95, or 10 mm for a structure that was missed.

    Returns:
        The scores; None becomes NaN, no value.

    Raises:
        InputError: If there is no case, cases differ in their structures, or one lacks the metric
            or holds something other than a finite number.

    Example:
        >>> row = {"name": "femur", "kind": "bone", "dice": 0.9}
        >>> scores_of_cases({"knee_1": {"structures": [row]}}, "dice").values.tolist()
        [[0.9]]
    """
    if not cases:
        raise InputError("the results hold no case, expected at least one")
    identities = {name: _identities(name, case) for name, case in cases.items()}
    first_name = next(iter(cases))
    first = identities[first_name]
    for name, identity in identities.items():
        if identity != first:
            raise InputError(
                f"case '{name}' has other structures than '{first_name}', expected results with "
                "one label table"
            )
    values = [
        [_value(name, row, metric) for row in case["structures"]] for name, case in cases.items()
    ]
    return ScoreTable(
        metric=metric,
        cases=tuple(cases),
        structures=tuple(name for name, _ in first),
        kinds=()
        if any(kind is None for _, kind in first)
        else tuple(str(kind) for _, kind in first),
        values=np.array(values, dtype=np.float64).reshape(len(cases), len(first)),
    )


def _identities(name: str, case: ScoreRow) -> list[tuple[str, str | None]]:
    rows = case.get("structures") or []
    if not rows or not all(isinstance(row, dict) and "name" in row for row in rows):
        raise InputError(f"case '{name}' has no list of named structures, expected one")
    return [(str(row["name"]), row.get("kind")) for row in rows]


def _value(case: str, row: ScoreRow, metric: str) -> float:
    if metric == MISSED_HD95_KEY:
        missed = row.get("reference_voxels") and row.get("prediction_voxels") == 0
        return MISSED_HD95_MM if missed else _value(case, row, "hd95_mm")
    if metric not in row or metric in _IDENTITY:
        known = ", ".join(key for key, value in row.items() if _is_score(key, value))
        raise InputError(f"the results have no metric '{metric}', expected one of {known}")
    value = row[metric]
    if value is None:
        return math.nan
    if not _is_score(metric, value) or math.isinf(value):
        raise InputError(
            f"case '{case}', {row['name']}: {metric} is {value!r}, expected a finite number or null"
        )
    return float(value)


def _is_score(key: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return key not in _IDENTITY and (value is None or number)
