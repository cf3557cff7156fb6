import pytest

from amcnet.errors import ConfigError
from amcnet.paper_tables.paper_metrics import PAPER_METRICS
from amcnet.paper_tables.rows import paper_networks, paper_tables, rows_of
from amcnet.paper_tables.table_markdown import paper_difference

# What the text of sections 3.2 and 3.3 says, in percent; None: nothing.
TEXT = {
    ("table1", "AMCNet + AC against the best other"): (1.3, 2.1, 0.8, 1.3),
    ("table2", "AMCNet: AC against Dice alone"): (0.6, 1.1, None, None),
    ("table2", "AMCNet + AC: 2D+3D against 2D"): (1.0, 1.1, None, None),
    ("table2", "AMCNet + AC: 2D+3D against 3D"): (0.9, 1.5, None, None),
}


@pytest.mark.parametrize(("where", "percent"), TEXT.items())
def test_the_figures_give_the_differences_of_the_papers_text(where, percent):
    table = paper_tables().tables[where[0]]
    (difference,) = (d for d in table.differences if d.title == where[1])
    for figure, expected in zip(PAPER_METRICS, percent, strict=False):
        if expected is not None:
            found = paper_difference(table, difference, figure)
            assert 100 * found == pytest.approx(expected, abs=0.051)


def test_every_row_of_a_table_is_known_and_every_network_of_the_paper_has_one():
    tables = paper_tables()
    for table in tables.tables.values():
        for row in (*table.names, table.ours, *(r for d in table.differences for r in d.to)):
            assert tables.rows[row].name == row
    kinds = {(row.network, row.branches) for row in tables.rows.values()}
    assert len(kinds) == len(paper_networks())


def test_rows_that_both_tables_have_have_the_same_figures():
    one, other = ({line.row: line.paper for line in t.rows} for t in paper_tables().tables.values())
    shared = one.keys() & other.keys()
    assert shared == {"unet3d", "amcnet-ac"}
    for row in shared:
        assert one[row] == other[row]


def test_some_rows_keep_the_order_of_the_table():
    assert [row.name for row in rows_of("table1", ("amcnet-ac", "unet"))] == ["unet", "amcnet-ac"]
    assert len(rows_of("table2")) == 8
    with pytest.raises(ConfigError, match="found 'unet', expected some of unet3d, unet3d-ac"):
        rows_of("table2", ("unet",))


def test_losses_in_words():
    rows = paper_tables().rows
    assert rows["unet"].loss_text == "Dice"
    assert rows["amcnet-ac"].loss_text == "Dice + 0.5 AC"
    assert rows["amcnet-2d"].dimension == "2d"
