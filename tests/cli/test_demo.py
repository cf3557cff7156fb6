import csv
from pathlib import Path

from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.io import read_geometry, read_labels


def test_the_demo_shows_what_it_found_and_how_right_it_was(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    result = CliRunner().invoke(app, ["demo", "--out", str(out)])
    assert result.exit_code == 0, result.output + repr(result.exception)
    table = hand_label_table()
    found = set(read_labels(out / "hand.seg.nrrd").array.ravel().tolist()) - {0}
    assert len(found) > 30
    assert read_geometry(out / "hand.nrrd") == read_geometry(out / "hand.seg.nrrd")
    rows = list(csv.DictReader((out / "measurements.csv").open(encoding="utf-8")))
    assert [row["name"] for row in rows] == [structure.name for structure in table]
    assert (out / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert all(structure.name in result.output for structure in table)
    cells = [line.split() for line in result.output.splitlines()]
    dice = next(float(row[1]) for row in cells if row[:1] == ["bone"])
    assert 0.7 < dice <= 1
    assert "synthetic" in result.output
