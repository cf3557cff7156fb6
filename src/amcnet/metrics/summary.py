"""Summaries over the structures of a case and over cases; values that do not exist are None."""

from collections.abc import Iterable, Sequence
from typing import Any

from amcnet.errors import InputError

MISSED_HD95_MM = 10.0
MISSED_HD95_KEY = "hd95_missed_as_10mm_mm"
DETECTION_DICE = 0.5
_RATIOS = ("dice", "jaccard", "recall", "precision", "f1")
_IDENTITY = ("label", "name", "kind")

ScoreRow = dict[str, Any]


def surface_dice_key(tolerance_mm: float) -> str:
    """Return the key of the surface Dice at a tolerance.

    Example:
        >>> surface_dice_key(0.5)
        'surface_dice_0.5mm'
    """
    return f"surface_dice_{tolerance_mm:g}mm"


def summarise_structures(rows: Sequence[ScoreRow], surface_key: str) -> ScoreRow:
    """Summarise the structures of one case.

    Args:
        rows: One per structure, as :meth:`CaseEvaluation.to_rows` returns them.
        surface_key: Key of the surface Dice in a row.

    Returns:
        ``*_macro``: mean over structures present in the reference or the prediction (overlap 0 if
        missed or invented). ``hd95_macro_mm`` and ``assd_macro_mm``: mean over structures present
        in both. ``hd95_macro_missed_as_10mm_mm``: missed structures count as 10 mm.
        ``detection_rate``: share of the reference's structures with a Dice of 0.5 or more.
        ``length_error_mm``: mean absolute error over structures present in both.
        ``structures_*``: counts.

    Example:
        >>> import numpy as np
        >>> from amcnet.metrics.evaluation import evaluate_case
        >>> labels = np.zeros((6, 6, 6), np.uint8)
        >>> labels[1:4, 1:4, 1:4] = 1
        >>> rows = evaluate_case(labels, labels, (1.0, 1.0, 1.0)).to_rows()
        >>> summarise_structures(rows, surface_dice_key(0.5))["dice_macro"]
        1.0
    """
    in_reference = [row for row in rows if row["reference_voxels"]]
    missed = [row for row in in_reference if not row["prediction_voxels"]]
    invented = [row for row in rows if row["prediction_voxels"] and not row["reference_voxels"]]
    hd95_mm = [row["hd95_mm"] for row in rows]
    summary: ScoreRow = {f"{key}_macro": _mean(row[key] for row in rows) for key in _RATIOS}
    summary["hd95_macro_mm"] = _mean(hd95_mm)
    summary["hd95_macro_missed_as_10mm_mm"] = _mean(hd95_mm + [MISSED_HD95_MM] * len(missed))
    summary["assd_macro_mm"] = _mean(row["assd_mm"] for row in rows)
    summary[f"{surface_key}_macro"] = _mean(row[surface_key] for row in rows)
    summary["detection_rate"] = _mean(float(row["dice"] >= DETECTION_DICE) for row in in_reference)
    summary["length_error_mm"] = _mean(row["length_error_mm"] for row in rows)
    summary["structures_present"] = len(in_reference)
    summary["structures_missed"] = len(missed)
    summary["structures_invented"] = len(invented)
    return summary


def summarise_cases(cases: Sequence[ScoreRow]) -> ScoreRow:
    """Average evaluations over cases, each as :meth:`CaseEvaluation.to_json` returns it.

    Returns:
        ``cases``: number of cases. ``summary``: mean of each summary value over the cases with a
        value; ``structures_*`` are totals. ``cases_counted``: number of cases with a value, by the
        same keys. ``structures``: likewise for every structure.

    Raises:
        InputError: If there is no case, or the cases were evaluated with different settings.

    Example:
        >>> case = {"summary": {"dice_macro": 0.8}, "structures": []}
        >>> summarise_cases([case, {"summary": {"dice_macro": 0.9}, "structures": []}])["cases"]
        2
    """
    if not cases:
        raise InputError("no case to summarise, expected at least one")
    summaries = [case["summary"] for case in cases]
    summary, counted = _average(summaries)
    by_label = zip(*(case["structures"] for case in cases), strict=True)
    return {
        "cases": len(cases),
        "summary": summary,
        "cases_counted": counted,
        "structures": [_average_structure(rows) for rows in by_label],
    }


def _average(rows: Sequence[ScoreRow]) -> tuple[ScoreRow, ScoreRow]:
    """Return means and counts by key; nested groups (``by_kind``) are averaged recursively."""
    for row in rows:
        if row.keys() != rows[0].keys():
            different = sorted(row.keys() ^ rows[0].keys())
            raise InputError(
                f"cases differ in their keys {different}, expected the same label table and "
                "tolerance"
            )
    means: ScoreRow = {}
    counts: ScoreRow = {}
    for key, first in rows[0].items():
        values = [row[key] for row in rows]
        if isinstance(first, dict):
            means[key], counts[key] = _average(values)
            continue
        known = [value for value in values if value is not None]
        means[key] = sum(known) if key.startswith("structures_") else _mean(known)
        counts[key] = len(known)
    return means, counts


def _average_structure(rows: Sequence[ScoreRow]) -> ScoreRow:
    identity = {key: rows[0][key] for key in _IDENTITY if key in rows[0]}
    means, counts = _average([{k: v for k, v in row.items() if k not in identity} for row in rows])
    return identity | means | {"cases_counted": counts}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
