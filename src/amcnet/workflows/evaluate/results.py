"""Read evaluations: one file of many cases, one case, or a folder of cases."""

from pathlib import Path
from typing import Any

from amcnet.errors import InputError, OutputError, count_text
from amcnet.io import is_same_file
from amcnet.io.input_files import check_regular_file
from amcnet.io.small_files import read_json
from amcnet.metrics.case_gaps import CaseGaps

_TEXTS = ("name", "kind")


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Read evaluations of cases.

    Args:
        path: A file with evaluations by name under ``cases``, a file of one evaluation from
            ``amcnet evaluate --json``, or a folder of such files. A case without a name is named
            after its file, without ``.json``.

    Returns:
        Evaluations (see :func:`amcnet.metrics.evaluate_case`) by name, sorted by name.

    Raises:
        InputError: If nothing is found, a file is not an evaluation, or a name occurs twice.
    """
    cases: dict[str, dict[str, Any]] = {}
    for file in _files(path):
        for name, case in _cases_of(file, _read_json(file)).items():
            if name in cases:
                raise InputError(f"{file}: has the case '{name}', which another file also has")
            cases[name] = case
    return dict(sorted(cases.items()))


def read_gaps(path: Path) -> CaseGaps:
    """Read the names of the cases that have no result of their own.

    Args:
        path: As for :func:`read_results`.

    Raises:
        InputError: If nothing is found, or a file is not an evaluation.
    """
    counted: list[str] = []
    skipped: list[str] = []
    failed: list[str] = []
    for file in _files(path):
        data = _read_json(file)
        cases = _cases_of(file, data)
        for name in data.get("missing") or ():
            (counted if name in cases else skipped).append(str(name))
        failed += map(str, data.get("failed") or ())
    return CaseGaps(tuple(sorted(counted)), tuple(sorted(skipped)), tuple(sorted(failed)))


def check_not_an_input(output: Path, results: Path) -> None:
    """Refuse an output that would overwrite the results or count as one of their cases.

    Raises:
        OutputError: If ``output`` is ``results``, or a .json file in that folder.
    """
    inside = output.suffix.lower() == ".json" and is_same_file(output.parent, results)
    if inside or is_same_file(output, results):
        raise OutputError(f"{output}: is an input or lies among them, expected another place")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(p for p in path.glob("*.json") if not p.name.startswith("."))
        if not files:
            raise InputError(f"{path}: holds no .json file, expected one for each case")
        return files
    check_regular_file(path, "a .json file or a folder of them")
    return [path]


def _read_json(path: Path) -> dict[str, Any]:
    data = read_json(path, "an evaluation")
    if not isinstance(data, dict):
        raise InputError(f"{path}: holds a {type(data).__name__}, expected an evaluation")
    return data


def _cases_of(path: Path, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = data.get("cases")
    cases = found if isinstance(found, dict) else {path.stem: data}
    if not cases:
        raise InputError(f"{path}: holds no case, expected at least one")
    for name, case in cases.items():
        if not isinstance(case, dict) or not isinstance(case.get("structures"), list):
            raise InputError(f"{path}: '{name}' has no list 'structures', expected an evaluation")
        for row in case["structures"]:
            for key, value in row.items() if isinstance(row, dict) else ():
                if not isinstance(value, str if key in _TEXTS else (int, float, type(None))):
                    raise InputError(
                        f"{path}: '{name}' has {key} = {value!r} for a structure, expected a "
                        f"{'text' if key in _TEXTS else 'number'}"
                    )
    if isinstance(found, int):
        raise InputError(
            f"{path}: holds means over {count_text(found, 'case')}, expected the cases themselves"
        )
    return cases
