"""Check a whole data set and report all problems together."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from amcnet.anatomy import hand_label_table
from amcnet.data.case_check import CaseResult, check_case
from amcnet.data.case_properties import CaseProperties
from amcnet.data.dataset_layout import (
    Case,
    Dataset,
    FoundCases,
    find_cases,
    find_dataset_label_names,
    make_dataset,
)
from amcnet.data.label_files import MAX_STRUCTURES, LabelNames
from amcnet.data.problems import Problem as Problem
from amcnet.errors import InputError, count_text
from amcnet.io import BY_HEADER, CANONICAL_AXES, Geometry, Reading, doubtful_spacing
from amcnet.io.folder_listing import listed, passed_over
from amcnet.parallel import Progress, map_in_processes, no_progress

FEW_CASES = 4

_SPACING_FACTOR = 2
_SIZE_FACTOR = 3  # slices vary more between scans than voxels do


@dataclass(frozen=True)
class CheckReport:
    """The result of checking a data set.

    Attributes:
        dataset: The data set; None if its layout or its label names are unusable.
        problems: Errors before warnings; in both, problems of the whole data set before those of
            single cases.
        properties: Measurements of all readable cases, in the order of the cases.
        proposal: A ``dataset.json`` to complete, if the label values have no names.

    Example:
        >>> problem = Problem("warning", "knee_1", "has no voxel of 'tibia'")
        >>> report = CheckReport(None, (problem,), ())
        >>> len(report.errors), report.warnings[0].case
        (0, 'knee_1')
    """

    dataset: Dataset | None
    problems: tuple[Problem, ...]
    properties: tuple[CaseProperties, ...]
    proposal: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that prevent the data set from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that should be reviewed."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check_dataset(
    folder: Path,
    labels: Path | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
    reading: Reading = BY_HEADER,
) -> CheckReport:
    """Read every file of a data set once, collect all problems and measure the cases.

    Args:
        folder: Folder of the data set, see :func:`amcnet.data.read_dataset`.
        labels: A ``dataset.json`` or ITK-SNAP file that names the labels.
        jobs: Number of processes; the report does not depend on it.
        progress: Called with (cases checked, number of cases).
        reading: How the files are read, also when they are prepared.

    Raises:
        ConfigError: If ``jobs`` is less than 1.
        OutputError: If a process ends unexpectedly. Problems of the data are reported, not raised.

    >>> report = check_dataset(Path("missing"))
    >>> report.dataset, len(report.errors)
    (None, 1)
    """
    try:
        found = find_cases(folder)
    except InputError as error:
        return CheckReport(None, (_problem_of(folder, error),), ())
    problems = list(found.problems)
    names, dataset = None, None
    try:
        names = find_dataset_label_names(folder, found.cases, labels)
        dataset = replace(make_dataset(folder, found, names), reading=reading)
    except InputError as error:
        problems.append(_problem_of(folder, error))
    results = map_in_processes(
        partial(check_case, folder=folder, names=names, reading=reading),
        found.cases,
        jobs,
        progress,
    )
    properties = tuple(result.properties for result in results if result.properties is not None)
    problems += [problem for result in results for problem in result.problems]
    problems += _duplicates(found.cases, results)
    problems += _odd_cases(properties)
    if names is not None and names.table == hand_label_table() and reading.spacing_mm is None:
        problems += _doubtful_spacings(properties)
    problems += _few_cases(found)
    problems += _passed_over(folder, found)
    if names is not None:
        problems += _odd_labels(names, properties)
    if names is not None and names.note:
        problems.append(Problem("warning", "", names.note))
    problems.sort(key=lambda problem: (problem.severity != "error", problem.case))
    proposal = "" if names is not None else _proposal(properties)
    return CheckReport(dataset, tuple(problems), properties, proposal)


def _proposal(properties: tuple[CaseProperties, ...]) -> str:
    """Return a ``dataset.json`` that names every label value found."""
    found = {value for case in properties for value in case.voxels} - {0}
    if not found or max(found) > MAX_STRUCTURES:
        return ""
    labels = {"background": 0}
    for value in range(1, max(found) + 1):
        labels[f"structure {value}" if value in found else f"unused {value}"] = value
    return json.dumps({"labels": labels}, indent=1)


def _duplicates(cases: Iterable[Case], results: Iterable[CaseResult]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for case, result in zip(cases, results, strict=True):
        if result.digest is None:
            continue
        other = first.setdefault(result.digest, case.name)
        if other != case.name:
            yield Problem("error", case.name, f"has the same voxels as case '{other}'")


def _odd_cases(properties: tuple[CaseProperties, ...]) -> Iterator[Problem]:
    """Warn of cases whose spacing or size is far from the median."""
    yield from _outliers(properties, lambda case: case.spacing_mm, _SPACING_FACTOR, "spacing", "mm")
    yield from _outliers(properties, lambda case: case.shape, _SIZE_FACTOR, "size", "voxels")


def _outliers(
    properties: tuple[CaseProperties, ...],
    values_of: Callable[[CaseProperties], tuple[float, ...]],
    factor: float,
    what: str,
    unit: str,
) -> Iterator[Problem]:
    for axis, axis_name in enumerate(CANONICAL_AXES):
        middle = median([values_of(case)[axis] for case in properties] or [1])
        for case in properties:
            value = values_of(case)[axis]
            if not middle / factor <= value <= middle * factor:
                yield Problem(
                    "warning",
                    case.name,
                    f"{what} along {axis_name} is {value:.6g} {unit}, the median of all cases is "
                    f"{middle:.6g} {unit}",
                )


def _few_cases(found: FoundCases) -> Iterator[Problem]:
    if len(found.cases) < FEW_CASES:
        text = f"the number of cases is {len(found.cases)}, expected {FEW_CASES} or more"
        yield Problem("warning", "", text)


def _doubtful_spacings(properties: tuple[CaseProperties, ...]) -> Iterator[Problem]:
    """Warn of voxel sizes that no scan of a hand has; other body parts have other extents."""
    for case in properties:
        doubt = doubtful_spacing(Geometry.canonical(case.shape, case.spacing_mm))
        if doubt is not None:
            yield Problem("warning", case.name, doubt)


def _passed_over(folder: Path, found: FoundCases) -> Iterator[Problem]:
    """Warn of other files in the folders of the cases, or files with other extensions."""
    used = {path for case in found.cases for path in (*case.images, case.labels)}
    reported = " ".join(problem.what for problem in found.problems)
    folders = {path.parent for path in used} - {
        folder
    }  # this folder holds descriptions and other folders
    others = [
        f"{inner.name}/{name}"
        for inner in sorted(folders)
        for name in passed_over(inner, lambda path: path in used or path.name in reported)
    ]
    if others:
        yield Problem("warning", "", f"files that no case uses: {listed(others)}")


def _odd_labels(names: LabelNames, properties: tuple[CaseProperties, ...]) -> Iterator[Problem]:
    """Warn of structures that hardly occur, unnamed values and the ignore label."""
    if names.placeholders:
        values = ", ".join(map(str, names.placeholders))
        yield Problem(
            "warning", "", f"the label file does not name the values {values}: they remain unused"
        )
    named = [s for s in names.table if s.value not in names.placeholders]
    cases = {s.value: [case.name for case in properties if s.value in case.voxels] for s in named}
    if properties:
        absent = [f"'{s.name}'" for s in named if not cases[s.value]]
        if absent:
            text = f"no case has {', '.join(absent)} ({len(absent)} of {len(named)} structures)"
            yield Problem("warning", "", text)
    if len(properties) > 1:
        for structure in named:
            if len(cases[structure.value]) == 1:
                (only,) = cases[structure.value]
                yield Problem("warning", only, f"no other case has '{structure.name}'")
    if names.ignore_value is not None:
        yield from _ignored(names.ignore_value, properties)


def _ignored(ignore_value: int, properties: tuple[CaseProperties, ...]) -> Iterator[Problem]:
    counts = [case.voxels[ignore_value] for case in properties if ignore_value in case.voxels]
    if counts:
        text = (
            f"the ignore label {ignore_value} marks {count_text(sum(counts), 'voxel')} "
            f"(cases with such voxels: {len(counts)})"
        )
        yield Problem("warning", "", text)


def _problem_of(folder: Path, error: InputError) -> Problem:
    return Problem("error", "", str(error).replace(f"{folder}{os.sep}", ""))
