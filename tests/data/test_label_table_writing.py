"""Label files that are written, read back, and as ITK-SNAP itself takes them apart."""

import pytest
from typer.testing import CliRunner

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.cli.main import app
from amcnet.data import LabelNames, read_label_file, write_label_file
from amcnet.errors import InputError, OutputError


@pytest.mark.parametrize("name", ["hand.txt", "hand.label", "hand.json"])
def test_the_hand_round_trip(tmp_path, name):
    write_label_file(tmp_path / name, LabelNames(hand_label_table()))
    assert read_label_file(tmp_path / name) == LabelNames(hand_label_table())


def test_colours_gaps_and_ignore(tmp_path):
    structures = (
        Structure(1, "left  kidney", color_rgb=(255, 0, 7)),
        Structure(2, "unused 2"),
        Structure(3, "Milz, groß", color_rgb=(0, 10, 200)),
    )
    names = LabelNames(LabelTable(structures), ignore_value=4, placeholders=(2,))
    write_label_file(tmp_path / "a.txt", names)
    found = read_label_file(tmp_path / "a.txt")
    assert [(s.value, s.name, s.color_rgb) for s in found.table][0::2] == [
        (1, "left  kidney", (255, 0, 7)),
        (3, "Milz, groß", (0, 10, 200)),
    ]
    assert found.placeholders == (2,)
    assert found.table[4].name == "ignore"
    # ITK-SNAP reads six numbers between blanks (the opacity may have a point), then a name in
    # quotation marks; lines with # are comments.
    lines = (tmp_path / "a.txt").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    assert [row.split()[:7] for row in rows][:2] == [
        ["0", "0", "0", "0", "0", "0", "0"],
        ["1", "255", "0", "7", "1", "1", "1"],
    ]
    assert all(row.count('"') == 2 and row.endswith('"') for row in rows)


def test_what_cannot_be_written(tmp_path):
    hand = LabelNames(hand_label_table())
    with pytest.raises(OutputError, match=r"expected one of .txt .label .json"):
        write_label_file(tmp_path / "hand.csv", hand)
    write_label_file(tmp_path / "hand.txt", hand)
    with pytest.raises(OutputError, match="already exists"):
        write_label_file(tmp_path / "hand.txt", hand)
    with pytest.raises(InputError, match="without quotation marks"):
        write_label_file(tmp_path / "b.txt", LabelNames(LabelTable.from_names(['a "b"'])))
    assert [path.name for path in tmp_path.iterdir()] == ["hand.txt"]


def test_the_command(tmp_path):
    done = CliRunner().invoke(app, ["labels"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "  1  #fc6352  distal phalanx of thumb"
    assert len(done.stdout.splitlines()) == 38
    arguments = ["labels", "--labels", "hand", "-o", str(tmp_path / "hand.txt")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_label_file(tmp_path / "hand.txt").table == hand_label_table()
