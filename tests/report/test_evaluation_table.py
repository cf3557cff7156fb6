"""Evaluations in the terminal: 80 columns, whole names, one table per case and one per label."""

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.metrics import Preset, evaluate_case, summarise_cases, with_headline
from amcnet.report.evaluation_table import evaluation_text

LONG = "a_child_with_a_name_that_is_longer_than_a_line_" * 2
TABLE = LabelTable.from_names(["liver", f"the {'very ' * 16}long spleen", "absent", "red"])


def case(shift: int) -> dict:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[1:5, 1:5, 1:5], labels[6, 6, 6], labels[7, 1:4, 1:4] = 1, 2, 4
    moved = np.roll(labels, shift, axis=2)
    return evaluate_case(labels, moved, (1, 1, 1), table=TABLE).to_json()


def result(preset: Preset) -> dict:
    cases = {
        "a": {"prediction": "a.nrrd"} | case(0),
        LONG: {"prediction": None} | case(1),
        "\x1b[31mred": {"prediction": "b.nrrd"} | case(0),
    }
    return with_headline(summarise_cases(list(cases.values())) | {"cases": cases}, preset)


@pytest.mark.parametrize("preset", list(Preset))
def test_lines_fit_and_names_are_whole(preset: Preset) -> None:
    text = evaluation_text(result(preset))
    assert f"{LONG} (missing)" in text
    assert TABLE[2].name in text
    names = (LONG, TABLE[2].name)
    assert max(len(line) for line in text.splitlines() if not line.strip().startswith(names)) <= 80
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "found" not in text


def test_labels_have_means_and_counts_over_cases() -> None:
    lines = evaluation_text(result(Preset.STRICT)).splitlines()
    (liver,) = [line.split() for line in lines if line.strip().startswith("liver")]
    assert liver == ["liver", f"{(1 + 0.75 + 1) / 3:.3f}", "0.333", "0.000", "3/3"]
    assert not [line for line in lines if line.strip().startswith("absent")]
    (first,) = [line.split() for line in lines if line.split()[:1] == ["a"]]
    assert first[1] == "1.000"
    assert any(line.strip().startswith("mean, all") for line in lines)


def test_one_case_shows_its_labels() -> None:
    text = evaluation_text(with_headline(case(1), Preset.STRICT))
    (liver,) = [line.split() for line in text.splitlines() if line.strip().startswith("liver")]
    assert liver[1:3] == ["0.750", "1.000"]
