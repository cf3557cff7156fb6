import pytest

from amcnet.paper_tables.paper_metrics import PAPER_METRICS
from amcnet.paper_tables.ranking import order_text, pair_orders
from amcnet.paper_tables.rows import paper_tables

from .made_rows import as_in_the_paper, made_result

DSC, *_, HD95 = PAPER_METRICS


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_the_papers_own_figures_have_the_papers_order(name):
    table, results = paper_tables().tables[name], as_in_the_paper(name)
    for figure in PAPER_METRICS:
        orders = pair_orders(table, results, figure)
        distinct = {figure.of_paper(line.paper) for line in table.rows}
        assert len(orders) >= len(distinct) * (len(distinct) - 1) // 2
        assert all(order.holds for order in orders)
    text = order_text(table, results)
    assert "here as in the paper" in text
    assert "does not hold" not in text.partition("**HD95")[0]


def test_an_order_that_is_turned_round_is_said_to_be():
    table = paper_tables().tables["table1"]
    results = {
        line.row: made_result(
            line.row, {"dsc": 1.5 - line.paper.dsc, "hd95_mm": 5 - line.paper.hd95_mm}, seed=number
        )
        for number, line in enumerate(table.rows)
    }
    for figure in (DSC, HD95):
        assert not any(order.holds for order in pair_orders(table, results, figure))
    line = next(line for line in order_text(table, results).splitlines() if "**DSC.**" in line)
    assert "The best is AMCNet + AC (ours) in the paper, here" in line
    paper = "AMCNet + AC (ours) > MNet > UNet++ > VNet > UNet > SwinUNet = 3D UNet"
    assert f"in the paper: {paper}; here: " in line
    assert "UNet > VNet > UNet++ > MNet > AMCNet + AC (ours)." in line
    assert (
        "Of 20 pairs of rows, 0 have the paper's order" in line
    )  # two rows are equal in the paper
    assert "VNet before AMCNet + AC (ours)" in line
    assert "does not hold" in order_text(table, results).splitlines()[-1]


def test_differences_without_a_sign_are_not_called_significant():
    table = paper_tables().tables["table2"]
    results = {"amcnet": made_result("amcnet", {}), "amcnet-ac": made_result("amcnet-ac", {})}
    (order,) = pair_orders(table, results, DSC)
    assert (order.gain, order.p, order.holds, order.is_significant) == (0, 1, False, False)
    assert "DSC does not hold, but not significantly" in order_text(table, results)
