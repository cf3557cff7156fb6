import csv
import html
import json
import re

import pytest
from markdown_it import MarkdownIt

from amcnet.errors import InputError, OutputError
from amcnet.report.summary_table import Column, SummaryTable, csv_text, markdown
from amcnet.workflows.output_files import write_table

TABLE = SummaryTable(
    "Some | title",
    (Column("name", "name"), Column("n", "cases"), Column("p", "p value", ".2g")),
    (("a|b", 3, 0.123456789), ("two\nlines", 12, None)),
    ("First note.", "Second note."),
)


def test_markdown_is_aligned_and_keeps_names_in_their_cells():
    lines = markdown(TABLE).splitlines()
    assert lines[0] == "## Some \\| title"
    assert lines[2:6] == [
        "| name      | cases | p value |",
        "| --------- | ----: | ------: |",
        "| a\\|b      |     3 |    0.12 |",
        "| two lines |    12 |       - |",
    ]
    assert lines[-2:] == ["- First note.", "- Second note."]


def test_csv_comes_back_with_all_digits():
    rows = list(csv.reader(csv_text(TABLE).splitlines(keepends=True)))
    assert rows == [["name", "n", "p"], ["a|b", "3", "0.123456789"], ["two\\nlines", "12", ""]]


def test_files_by_their_extension(tmp_path):
    for name in ("t.md", "t.CSV", "t.json"):
        write_table(tmp_path / name, TABLE)
    assert (tmp_path / "t.md").read_text(encoding="utf-8") == markdown(TABLE)
    assert (tmp_path / "t.CSV").read_bytes().decode() == csv_text(TABLE)
    data = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert data["notes"] == list(TABLE.notes)
    assert data["rows"][1] == {"name": "two\nlines", "n": 12, "p": None}
    with pytest.raises(OutputError, match=r"unknown file type '\.txt', expected one of \.csv"):
        write_table(tmp_path / "t.txt", TABLE)
    assert len(list(tmp_path.iterdir())) == 3


def test_rows_fit_the_columns():
    with pytest.raises(InputError, match="a row has 1 cells, expected 3"):
        SummaryTable("t", TABLE.columns, (("a",),))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])  # noqa: RUF001
def test_texts_that_look_like_formulas_are_defused_and_numbers_stay(name):
    table = SummaryTable("t", (Column("n", "n"), Column("x", "x")), ((name, -1.5), ("a-b", -2)))
    _, first, second = csv.reader(csv_text(table).splitlines())
    assert first[0].startswith("'")
    assert float(first[1]) == -1.5
    assert second == ["a-b", "-2"]


def test_control_characters_are_escape_codes_in_every_format():
    table = SummaryTable("t", (Column("n", "n"),), (("red\x1b[31m",),))
    for text in (markdown(table), csv_text(table)):
        assert "\x1b" not in text
        assert "x1b[31m" in text


def test_a_name_is_text_in_markdown_and_no_markup():
    names = [
        "<img src=x onerror=alert(1)>",
        "&lt;b&gt;",
        "![i](http://x/y.png)",
        "[a](javascript:b)",
    ]
    rows = tuple((name, 1.0) for name in names)
    table = SummaryTable(names[0], (Column("n", "n"), Column("p", "p < 0.05")), rows, (names[1],))
    page = MarkdownIt("commonmark").enable("table").render(markdown(table))
    assert set(re.findall(r"<(\w+)", page)) <= {
        "h2",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
    }
    shown = html.unescape(re.sub(r"<[^>]+>", "\n", page))
    assert all(f"\n{name}\n" in shown for name in names)
