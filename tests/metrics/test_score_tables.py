import math

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from amcnet.errors import InputError
from amcnet.metrics import evaluate_case
from amcnet.metrics.score_tables import Level, scores_of_cases

KINDS = ("bone", "epiphysis", "bone", "epiphysis")
TABLE = LabelTable(tuple(Structure(i + 1, f"part {i}", kind=kind) for i, kind in enumerate(KINDS)))


def rows(**values):
    return {"structures": [{"label": 1, "name": "one", "kind": "bone", **values}]}


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(4)
    found = {}
    for name in ("first", "second", "third"):
        reference = np.kron(rng.integers(0, 5, (2, 2, 2)), np.ones((3, 3, 3), int))
        prediction = np.roll(reference, 1, axis=1)
        prediction[prediction == rng.integers(1, 5)] = 0  # missed
        found[name] = evaluate_case(reference, prediction, (1.0, 0.5, 2.0), 5, TABLE).to_json()
    return found


def test_means_within_cases_are_those_of_the_evaluation(cases):
    keys = {
        "dice": "dice_macro",
        "hd95_mm": "hd95_macro_mm",
        "hd95_missed_as_10mm_mm": "hd95_macro_missed_as_10mm_mm",
    }
    for metric, key in keys.items():
        scores = scores_of_cases(cases, metric)
        for group in scores.groups()[:3]:
            found = scores.by_case(group)
            for case, value in zip(cases.values(), found, strict=True):
                summary = case["summary"]
                expected = summary if group.level is Level.ALL else summary["by_kind"][group.name]
                if expected[key] is None:
                    assert math.isnan(value)
                else:
                    assert value == pytest.approx(expected[key])


def test_groups_are_all_then_kinds_then_structures_in_order(cases):
    groups = scores_of_cases(cases, "dice").groups()
    assert [g.name for g in groups] == ["all", "bone", "epiphysis", *(s.name for s in TABLE)]
    assert [g.columns for g in groups[:3]] == [(0, 1, 2, 3), (0, 2), (1, 3)]


def test_null_and_nan_are_no_values():
    scores = scores_of_cases({"a": rows(x=None), "b": rows(x=math.nan), "c": rows(x=2)}, "x")
    np.testing.assert_array_equal(scores.values, [[np.nan], [np.nan], [2.0]])


def test_selecting_keeps_values_with_their_names(cases):
    scores = scores_of_cases(cases, "dice")
    chosen = scores.select(["third", "first"], ["part 3", "part 0"])
    for i, case in enumerate(chosen.cases):
        for j, name in enumerate(chosen.structures):
            row = next(r for r in cases[case]["structures"] if r["name"] == name)
            expected = math.nan if row["dice"] is None else row["dice"]
            assert chosen.values[i, j] == pytest.approx(expected, nan_ok=True)
    assert chosen.kinds == ("epiphysis", "bone")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "no case"),
        (
            {"a": rows(x=1), "b": {"structures": [{"name": "two"}]}},
            "'b' has other structures than 'a'",
        ),
        ({"a": rows(y=1, f="text")}, "no metric 'x', expected one of y$"),
        ({"a": rows(x=math.inf)}, "case 'a', one: x is inf"),
        ({"a": rows(x=True)}, "x is True"),
        ({"a": {"structures": []}}, "'a' has no list of named structures"),
        ({"a": {"structures": [{"x": 1}]}}, "'a' has no list of named structures"),
    ],
)
def test_unusable_results_are_named(found, message):
    with pytest.raises(InputError, match=message):
        scores_of_cases(found, "x")


def test_a_name_is_no_metric():
    with pytest.raises(InputError, match="no metric 'label'"):
        scores_of_cases({"a": rows(x=1)}, "label")
