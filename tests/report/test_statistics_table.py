import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.errors import InputError
from amcnet.report.statistics_table import statistics_table

from .made_results import evaluations

TABLE = LabelTable(
    (Structure(1, "one", kind="bone"), Structure(2, "two", kind="bone"), Structure(3, "three"))
)
DICE = np.array([[0.9, 0.7, 0.2], [0.8, np.nan, 0.4], [0.4, 0.6, np.nan], [0.6, 0.5, 0.1]])


def records(table):
    return {(row["metric"], row["name"]): row for row in table.records()}


def test_rows_hold_the_statistics_of_means_within_cases():
    rows = records(statistics_table(evaluations(TABLE, dice=DICE), ["dice"]))
    within = np.array([0.6, 0.6, 0.5, 0.4])
    assert rows["dice", "all"]["mean"] == pytest.approx(within.mean())
    assert rows["dice", "all"]["sd"] == pytest.approx(within.std(ddof=1))
    assert rows["dice", "bone"]["median"] == pytest.approx(np.median([0.8, 0.8, 0.5, 0.55]))
    assert (rows["dice", "two"]["cases"], rows["dice", "all"]["cases"]) == (3, 4)
    assert rows["dice", "two"]["mean"] == pytest.approx(0.6)
    assert rows["dice", "two"]["low_95"] < 0.6 < rows["dice", "two"]["high_95"]


def test_metrics_follow_each_other_with_structures_in_table_order():
    hand = hand_label_table()
    values = np.full((2, len(hand)), 0.5)
    table = statistics_table(evaluations(hand, dice=values, hd95_mm=values * np.nan))
    names = ["all", "bone", "epiphysis", *(s.name for s in hand)]
    assert [row["name"] for row in table.records()] == names * 2
    assert [row["metric"] for row in table.records()] == ["dice"] * 41 + ["hd95_mm"] * 41
    last = table.records()[-1]
    assert (last["cases"], last["mean"], last["low_95"]) == (0, None, None)


def test_an_unknown_metric_is_named():
    with pytest.raises(InputError, match="no metric 'hd', expected one of dice"):
        statistics_table(evaluations(TABLE, dice=DICE), ["hd"])
