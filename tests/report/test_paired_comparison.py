import json

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.report.paired_comparison import ResultSet, comparison_table
from amcnet.report.summary_table import json_text

from .made_results import evaluations

TABLE = LabelTable.from_names(["one", "two", "three"])
CASES = 12
STEPS = np.arange(1.0, CASES + 1) / 100
NAN = np.nan


def compare(a, b, metric="dice"):
    first, second = (x if isinstance(x, dict) else evaluations(TABLE, dice=x) for x in (a, b))
    table = comparison_table(ResultSet("a.json", first), ResultSet("b.json", second), metric)
    return {row["name"]: row for row in table.records()}, " ".join(table.notes), table


def test_differences_p_values_and_correction():
    a = np.full((CASES, 3), 0.5)
    b = a.copy()
    b[:, 0] += STEPS  # all one way: 2 / 2 ** 12
    b[:4, 1] += [0.1, 0.2, 0.3, 0.4]  # 2 / 2 ** 4, eight pairs equal
    rows, notes, table = compare(a, b)
    assert rows["one"]["p"] == pytest.approx(2**-11)
    assert rows["one"]["p_holm"] == pytest.approx(3 * 2**-11)
    assert rows["one"]["difference"] == pytest.approx(STEPS.mean())
    assert rows["one"]["median_difference"] == pytest.approx(np.median(STEPS))
    assert rows["one"]["low_95"] < STEPS.mean() < rows["one"]["high_95"]
    assert (rows["two"]["p"], rows["two"]["p_holm"]) == pytest.approx((0.125, 0.25))
    assert (rows["two"]["pairs"], rows["two"]["equal"]) == (12, 8)
    assert (rows["three"]["p"], rows["three"]["p_holm"], rows["three"]["equal"]) == (1, 1, 12)
    assert (rows["three"]["low_95"], rows["three"]["high_95"]) == (0, 0)
    assert rows["all"]["p_holm"] is None
    assert rows["all"]["difference"] == pytest.approx((STEPS.sum() + 1) / 36)
    assert "cannot be below" not in notes
    assert json.loads(json_text(table))["rows"][0]["name"] == "all"


def test_exchanging_the_results_turns_differences_around():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, CASES, 3))
    b[2, 1] = NAN
    forth, back = compare(a, b)[0], compare(b, a)[0]
    for name, row in forth.items():
        assert row["difference"] == pytest.approx(-back[name]["difference"])
        assert row["p"] == pytest.approx(back[name]["p"])
        assert (row["only_a"], row["mean_a"]) == (back[name]["only_b"], back[name]["mean_b"])


def test_what_one_result_misses_is_left_out_of_both():
    a, b = np.full((2, CASES, 3), 1.0)
    a[:, 2] = 9.0  # a structure that is hard: B has no distance there and gains nothing by it
    b[:, 2] = NAN
    rows, notes, _ = compare(a, b)
    assert (rows["all"]["mean_a"], rows["all"]["mean_b"], rows["all"]["p"]) == (1, 1, 1)
    assert (rows["all"]["only_a"], rows["three"]["only_a"], rows["three"]["only_b"]) == (12, 12, 0)
    assert (rows["three"]["pairs"], rows["three"]["p"], rows["three"]["p_holm"]) == (0, None, None)
    assert "12 values without a partner" in notes
    assert "1 structure without a pair: no test." in notes


def test_cases_and_structures_are_matched_by_name_and_the_rest_is_said():
    a = evaluations(TABLE, dice=np.full((3, 3), 0.5))
    other = LabelTable.from_names(["three", "one", "four"])
    b = evaluations(other, dice=np.tile([0.3, 0.1, 0.4], (14, 1)))
    a["mine"] = a.pop("c02")
    rows, notes, _ = compare(a, b)
    assert list(rows) == ["all", "structure", "one", "three"]
    assert (rows["one"]["mean_b"], rows["three"]["mean_b"]) == pytest.approx((0.1, 0.3))
    assert rows["one"]["pairs"] == 2
    assert "a.json (3 cases); B: b.json (14 cases); 2 cases in both" in notes
    assert "Only in A, not compared: 1 case (mine)." in notes
    assert "Only in B, not compared: 12 cases (c02, " in notes
    assert "c11 and 2 more)." in notes
    assert "Only in A, not compared: 1 structure (two)." in notes
    assert "Only in B, not compared: 1 structure (four)." in notes


def test_too_few_cases_for_any_result_are_said():
    a = np.zeros((5, 3))
    notes = compare(a, a + STEPS[:5, None])[1]
    # The smallest p-value of five pairs is 2 / 32; times three structures.
    assert (
        "With at most 5 pairs a structure, p (Holm) over 3 structures cannot be below 0.19" in notes
    )


def test_nothing_in_common_is_an_error():
    a = evaluations(TABLE, dice=np.ones((2, 3)))
    with pytest.raises(InputError, match=r"a\.json and b\.json have no case in common"):
        compare(a, {"x": a["c00"]})
    others = evaluations(LabelTable.from_names(["x"]), dice=np.ones((2, 1)))
    with pytest.raises(InputError, match="no structure in common"):
        compare(a, others)
    with pytest.raises(InputError, match="no metric 'hd95_mm', expected one of dice"):
        compare(a, a, "hd95_mm")
