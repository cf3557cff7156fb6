import pytest

from amcnet.errors import InputError
from amcnet.paper_tables.row_results import write_row_result
from amcnet.paper_tables.rows import paper_tables
from amcnet.paper_tables.table_markdown import (
    costs_table,
    differences_table,
    headline_table,
    paired_tests_table,
    structures_table,
)
from amcnet.paper_tables.table_page import table_section, write_table_page

from .made_rows import as_in_the_paper, made_result


def cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_ours_stand_beside_the_papers():
    results = as_in_the_paper("table1")
    rows = cells(headline_table(paper_tables().tables["table1"], results))
    assert len(rows) == 7
    for row in rows:
        for here, paper in zip(row[3::2], row[4::2], strict=True):
            mean, low, high = (
                float(part)
                for part in here.replace("(", "").replace(")", "").replace("to", "").split()
            )
            assert mean == pytest.approx(float(paper), abs=6e-4)
            assert low < mean < high


def test_differences_are_those_of_the_text():
    table = paper_tables().tables["table1"]
    ((title, *row),) = cells(differences_table(table, as_in_the_paper("table1")))
    assert title == "AMCNet + AC against the best other"
    assert [float(paper) for paper in row[1::2]] == pytest.approx(
        [0.013, 0.021, 0.008, 0.013, 0.489]
    )
    assert all(here.startswith(paper) for here, paper in zip(row[::2], row[1::2], strict=True))
    assert [here.rpartition("to ")[2] for here in row[::2]] == [
        "mnet",
        "mnet",
        "vnet",
        "mnet",
        "mnet",
    ]


def test_ours_is_not_tested_against_itself():
    table = paper_tables().tables["table2"]
    rows = cells(paired_tests_table(table, as_in_the_paper("table2")))
    assert [row[0] for row in rows] == [line.title for line in table.rows if line.row != table.ours]
    # Twenty pairs with ties, all one way, are z = 3.92, p = 8.9e-5; there are seven tests.
    assert float(rows[0][2]) == pytest.approx(7 * 8.9e-5, rel=0.05)


def test_costs():
    table = paper_tables().tables["table2"]
    rows = cells(costs_table(table, {"amcnet": made_result("amcnet", {})}))
    assert rows == [["AMCNet 2D+3D", "16", "1.50", "0.002", "10", "15.0", "1.25"]]


def test_structures_that_are_as_good_as_never_found_are_counted():
    table = paper_tables().tables["table2"]
    rows = cells(structures_table(table, {"amcnet": made_result("amcnet", {})}))
    assert rows == [["below 0.05, of 2", "1"], ["radius", "0.750"], ["ulna", "0.010"]]


def test_a_page_has_what_is_finished_and_names_the_rest(tmp_path):
    results = as_in_the_paper("table1")
    for row in ("unet", "amcnet-ac"):
        write_row_result(tmp_path / "results", results[row])
    (tmp_path / "results" / "table1.png").touch()
    page = tmp_path / "table1.md"
    write_table_page("table1", tmp_path / "results", page)
    text = page.read_text()
    assert "Not finished: UNet++, SwinUNet, 3D UNet, VNet, MNet." in text
    assert "](results/table1.png)" in text
    assert "10 steps" in text
    assert "### Differences" not in text  # to the best of others, which are not all there
    with pytest.raises(InputError, match="has no finished row of table2"):
        table_section("table2", tmp_path / "nothing", tmp_path / "table2.png", page)
