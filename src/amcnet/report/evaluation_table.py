"""Evaluations as plain text for a terminal: 80 columns, names never shortened."""

from collections.abc import Mapping, Sequence
from typing import Any

from amcnet.errors import one_line
from amcnet.metrics import DETECTION_DICE, Preset, headline, preset_columns
from amcnet.text_layout import TextRow, plain_table

# Shorter headings than the keys of the results, with the line that explains them.
_LABEL_COLUMNS = {
    "Dice": "dice",
    "HD95\nmm": "hd95_mm",
    "length\nmm": "length_error_mm",
}


def evaluation_text(result: Mapping[str, Any]) -> str:
    """Return an evaluation as tables in text.

    One case yields a table of its groups (all structures, then each kind) and a table of its
    labels. Several cases give a table per case with the means below it, and one per label with the
    means over the cases that have a value.

    Args:
        result: Result of :func:`amcnet.workflows.evaluate_pair` or
            :func:`amcnet.workflows.evaluate_folders`.
    """
    preset = Preset(result["preset"])
    headings = [heading.replace(", ", "\n") for heading in preset_columns(preset)]
    groups = [(group, _cells(figures)) for group, figures in result["headline"].items()]
    cases = result.get("cases", {})
    if not isinstance(cases, dict) or not cases:
        return "\n".join(
            [
                *plain_table("structures", headings, groups),
                "",
                *plain_table("label", list(_LABEL_COLUMNS), _labels(result["structures"])),
                *_notes(),
            ]
        )
    rows = [
        (
            one_line(name) if case["prediction"] is not None else f"{one_line(name)} (missing)",
            _cells(headline(case, preset)["all"]),
        )
        for name, case in cases.items()
    ]
    means = [(f"mean, {group}", cells) for group, cells in groups]
    labels = _labels_over_cases(result["structures"], list(cases.values()))
    return "\n".join(
        [
            *plain_table("case", headings, rows, means),
            "",
            *plain_table("label", [*_LABEL_COLUMNS, "detected"], labels),
            *_notes(),
        ]
    )


def _labels(structures: Sequence[Mapping[str, Any]]) -> list[TextRow]:
    return [
        (one_line(row["name"]), [_number(row[key]) for key in _LABEL_COLUMNS.values()])
        for row in structures
        if row["reference_voxels"] or row["prediction_voxels"]
    ]


def _labels_over_cases(
    structures: Sequence[Mapping[str, Any]], cases: Sequence[Mapping[str, Any]]
) -> list[TextRow]:
    rows: list[TextRow] = []
    for index, mean in enumerate(structures):
        each = [case["structures"][index] for case in cases]
        present = [row for row in each if row["reference_voxels"]]
        if not present and not any(row["prediction_voxels"] for row in each):
            continue
        detected = sum(row["dice"] >= DETECTION_DICE for row in present)
        cells = [_number(mean[key]) for key in _LABEL_COLUMNS.values()]
        rows.append((one_line(mean["name"]), [*cells, f"{detected}/{len(present)}"]))
    return rows


def _notes() -> list[str]:
    return [
        "",
        "length: absolute error of the length along the principal axis.",
        f"detected: structures of the reference with a Dice of {DETECTION_DICE} or more.",
    ]


def _cells(figures: Mapping[str, float | None]) -> list[str]:
    return [_number(value) for value in figures.values()]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
