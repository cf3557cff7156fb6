"""The results of a row, from which the page is made: a CSV of its cases and a JSON of facts."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from amcnet.errors import ConfigError, InputError, count_text
from amcnet.io.atomic_files import write_atomically
from amcnet.io.small_files import read_small_file
from amcnet.training.renamed_keys import with_current_names
from amcnet.training.training_config import TrainingConfig

ALL = "all"
_COLUMNS = ("case", "kind")

Figures = dict[str, float | None]


class RowFacts(BaseModel):
    """Facts about a row in addition to its metrics.

    Attributes:
        row: Its name.
        dimension: Dimension of the network: ``2d``, ``3d`` or ``2d+3d``.
        loss: The loss in words.
        settings: The training configuration, with the name of the data set instead of its path.
        data: The phantoms, as in the scale.
        parameters: Number of parameters of the network.
        steps: Number of optimiser steps.
        training_hours: Time of these steps.
        seconds_per_volume: Median time to segment a volume, from the array to labels on its grid.
        trained_on: Hardware of the training.
        segmented_on: Hardware of the segmentation.
        commit: Commit of the code.
        structure_dice: Mean Dice of every structure over the unseen hands, by its name.
        curve: Metrics of every epoch of the training; empty for rows of earlier versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    row: str
    dimension: str
    loss: str
    settings: dict[str, Any]
    data: dict[str, Any]
    parameters: int
    steps: int
    training_hours: float
    seconds_per_volume: float
    trained_on: str
    segmented_on: str
    commit: str
    structure_dice: dict[str, float]
    curve: list[dict[str, float]] = []

    @field_validator("settings")
    @classmethod
    def _current_names(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return with_current_names(settings)


@dataclass(frozen=True)
class RowResult:
    """A finished row.

    Attributes:
        facts: Facts about the row.
        cases: Case -> ``all`` or a kind of structures -> metric (see
            :func:`amcnet.metrics.summary.summarise_structures`) -> value.
    """

    facts: RowFacts
    cases: dict[str, dict[str, Figures]]

    def values(self, metric: str, kind: str = ALL) -> NDArray[np.float64]:
        """Return a metric of every case, sorted by name, (case,); NaN for missing values.

        Raises:
            InputError: If the results lack the metric or the kind.
        """
        found = []
        for name in sorted(self.cases):
            kinds = self.cases[name]
            if metric not in kinds.get(kind, {}):
                raise InputError(
                    f"row '{self.facts.row}', case '{name}': has no {metric} of {kind}, "
                    "expected one in its CSV"
                )
            found.append(kinds[kind][metric])
        return np.array(found, dtype=np.float64)


def figures_of(evaluation: Mapping[str, Any]) -> dict[str, Figures]:
    """Return an evaluation's summary by kind, see :func:`amcnet.metrics.evaluate_case`."""
    summary = dict(evaluation["summary"])
    by_kind = summary.pop("by_kind", {})
    return {ALL: summary, **by_kind}


def write_row_result(folder: Path, result: RowResult) -> None:
    """Write ``ROW.csv`` and then ``ROW.json``, whose presence marks the row as finished."""
    name = result.facts.row
    first = next(iter(next(iter(result.cases.values())).values()))
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        [case, kind, *(_text(figures[key]) for key in first)]
        for case, kinds in sorted(result.cases.items())
        for kind, figures in kinds.items()
    ]
    path = folder / f"{name}.csv"
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([[*_COLUMNS, *first], *lines])
    write_atomically(path, text.getvalue())
    write_atomically(folder / f"{name}.json", result.facts.model_dump_json(indent=1) + "\n")


def read_row_result(folder: Path, row: str) -> RowResult | None:
    """Read the results of a row; None if it is not finished.

    Raises:
        InputError: If a file cannot be read or has other content.
    """
    path = folder / f"{row}.json"
    if not path.is_file():
        return None
    try:
        facts = RowFacts.model_validate_json(read_small_file(path, "the facts of a row"))
    except ValidationError as error:
        raise InputError(f"{path}: cannot be read, expected the facts of a row") from error
    return RowResult(facts, _read_cases(folder / f"{row}.csv"))


def read_finished(folder: Path, rows: tuple[str, ...]) -> dict[str, RowResult]:
    """Read the finished rows among the given ones and check that they are comparable.

    Raises:
        InputError: If a file cannot be read, or rows differ in their cases.
        ConfigError: If they were made with different settings.
    """
    found = {row: read_row_result(folder, row) for row in rows}
    results = {row: result for row, result in found.items() if result is not None}
    for row, result in results.items():
        first_name, first = next(iter(results.items()))
        if result.cases.keys() != first.cases.keys():
            raise InputError(
                f"{folder}: '{row}' has {count_text(len(result.cases), 'case')}, expected the "
                f"{len(first.cases)} of '{first_name}'"
            )
        check_same_protocol(result.facts, first.facts)
    return results


def check_same_protocol(one: RowFacts, other: RowFacts) -> None:
    """Refuse rows that differ in more than network, loss and learning rate.

    Raises:
        ConfigError: If there are any.
    """
    first, second = _protocol(one), _protocol(other)
    differing = [key for key in first if first[key] != second.get(key)]
    if differing:
        raise ConfigError(
            f"row '{one.row}' differs from '{other.row}' in {', '.join(differing)}, expected one "
            "protocol for all: start again in another folder"
        )


def public_settings(config: TrainingConfig) -> dict[str, Any]:
    """Return a training configuration without paths."""
    settings = config.model_dump(mode="json")
    settings["data"]["dataset"] = config.data.dataset.name
    return settings


def _protocol(facts: RowFacts) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(facts.settings))
    for key in ("name", "network", "hardware"):
        settings.pop(key, None)
    settings.get("loss", {}).pop("gamma", None)
    settings.get("optimiser", {}).pop("learning_rate", None)
    return {**settings, "phantoms": facts.data}


def _read_cases(path: Path) -> dict[str, dict[str, Figures]]:
    cases: dict[str, dict[str, Figures]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                case, kind = (line.pop(column) for column in _COLUMNS)
                figures = {key: float(text) if text else None for key, text in line.items()}
                cases.setdefault(case, {})[kind] = figures
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read, expected the metrics of cases (CSV)") from error
    if not cases:
        raise InputError(f"{path}: holds no case, expected at least one")
    return cases


def _text(value: float | None) -> str:
    """Return a value rounded to six digits; further digits are noise in committed files."""
    return "" if value is None else f"{value:.6g}"
