"""Scores of a model, computed from an evaluation."""

from pathlib import Path
from typing import Any

from amcnet.bundle import Scores
from amcnet.errors import InputError
from amcnet.metrics import summarise_cases
from amcnet.workflows.evaluate.results import read_results

_FIGURES = {
    "dice": "dice_macro",
    "jaccard": "jaccard_macro",
    "hd95_missed_as_10mm_mm": "hd95_macro_missed_as_10mm_mm",
    "length_error_mm": "length_error_mm",
    "found": "detection_rate",
}


def scores_of(evaluation: Path, data: str) -> Scores:
    """Return the means over the cases of an evaluation, overall and by kind of structure.

    Args:
        evaluation: Output of ``amcnet evaluate --json``, or a folder of such files.
        data: Description of the cases, for users.

    Raises:
        InputError: If nothing is found, or a file is not an evaluation.
    """
    cases = list(read_results(evaluation).values())
    try:
        figures = _figures(summarise_cases(cases)["summary"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{evaluation}: cannot be summarised ({type(error).__name__}: {error}), expected the "
            "output of amcnet evaluate --json"
        ) from error
    return Scores(data=data, cases=len(cases), figures=figures)


def _figures(summary: dict[str, Any]) -> dict[str, float]:
    kinds = {"": summary, **{f" {kind}": part for kind, part in summary["by_kind"].items()}}
    return {
        f"{name}{kind}": round(part[key], 4)
        for kind, part in kinds.items()
        for name, key in _FIGURES.items()
        if part.get(key) is not None
    }
