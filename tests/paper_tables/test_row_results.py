import csv

import pytest

from amcnet.errors import ConfigError, InputError
from amcnet.paper_tables.row_results import (
    RowResult,
    figures_of,
    read_finished,
    read_row_result,
    write_row_result,
)

from .made_rows import made_result


def test_results_come_back_to_six_digits(tmp_path):
    made = made_result("unet", {"dsc": 1 / 3})
    made.cases["hand_03"]["all"]["hd95_macro_mm"] = None
    write_row_result(tmp_path, made)
    found = read_row_result(tmp_path, "unet")
    assert found.facts == made.facts
    assert found.values("dice_foreground") == pytest.approx(
        made.values("dice_foreground"), rel=1e-5
    )
    assert found.cases["hand_03"]["all"]["hd95_macro_mm"] is None
    assert read_row_result(tmp_path, "vnet") is None
    with (tmp_path / "unet.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 20 * 3


def test_a_row_is_unfinished_until_its_facts_are_there(tmp_path):
    write_row_result(tmp_path, made_result("unet", {}))
    (tmp_path / "unet.json").unlink()
    assert read_row_result(tmp_path, "unet") is None


def test_figures_by_kind():
    evaluation = {"summary": {"dice_macro": 0.5, "by_kind": {"bone": {"dice_macro": 0.7}}}}
    assert figures_of(evaluation) == {"all": {"dice_macro": 0.5}, "bone": {"dice_macro": 0.7}}


def test_rows_of_another_budget_or_other_cases_are_refused(tmp_path):
    write_row_result(tmp_path, made_result("unet", {}))
    write_row_result(tmp_path, made_result("vnet", {}))
    assert set(read_finished(tmp_path, ("unet", "vnet", "mnet"))) == {"unet", "vnet"}
    write_row_result(tmp_path, made_result("mnet", {}, steps=20))
    with pytest.raises(ConfigError, match="'mnet' differs from 'unet' in schedule, expected one"):
        read_finished(tmp_path, ("unet", "mnet"))
    write_row_result(tmp_path, made_result("mnet", {}, cases=5))
    with pytest.raises(InputError, match="'mnet' has 5 cases, expected the 20 of 'unet'"):
        read_finished(tmp_path, ("unet", "mnet"))


def test_a_damaged_file_is_named(tmp_path):
    write_row_result(tmp_path, made_result("unet", {}))
    (tmp_path / "unet.csv").write_text("case,kind,dice_macro\nhand,all,much\n")
    with pytest.raises(InputError, match=r"unet.csv: cannot be read, expected the metrics"):
        read_row_result(tmp_path, "unet")
    (tmp_path / "unet.json").write_text("{}")
    with pytest.raises(InputError, match=r"unet.json: cannot be read, expected the facts"):
        read_row_result(tmp_path, "unet")


def test_a_metric_that_is_not_there_is_named():
    result = RowResult(made_result("unet", {}).facts, {"hand": {"all": {"dice_macro": 1.0}}})
    with pytest.raises(InputError, match="row 'unet', case 'hand': has no luck of all"):
        result.values("luck")
