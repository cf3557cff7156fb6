import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import AmcnetError


def results(shift: float, cases: int) -> dict[str, object]:
    rows = [("one", "bone", 0.5), ("two", "epiphysis", 0.6)]
    return {
        f"hand {case}": {
            "structures": [
                {"label": i, "name": name, "kind": kind, "dice": value + shift * (case + 1)}
                for i, (name, kind, value) in enumerate(rows, start=1)
            ]
        }
        for case in range(cases)
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a.json").write_text(json.dumps({"cases": results(0, 7)}))
    (tmp_path / "b").mkdir()
    for name, case in results(0.01, 8).items():
        (tmp_path / "b" / f"{name}.json").write_text(json.dumps(case))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["compare-results", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_a_file_against_a_folder(folder: Path) -> None:
    shown = run("a.json", "b")
    assert "| structure | one" in shown
    assert "Only in B, not compared: 1 case (hand 7)." in shown
    run("a.json", "b", "-o", "c.md")
    assert Path("c.md").read_text(encoding="utf-8") == shown


def test_cases_without_a_prediction_are_named(folder: Path) -> None:
    data = json.loads(Path("a.json").read_text())
    Path("a.json").write_text(json.dumps(data | {"missing": ["hand 3"], "failed": {"x": "why"}}))
    shown = run("a.json", "b")
    assert "In A, 1 case without a prediction, counted as missed: hand 3." in shown
    assert "In A, 1 case not evaluated, skipped: x." in shown
    assert "In B, 1 case without" not in shown


def test_rows_are_those_of_seven_pairs_all_one_way(folder: Path) -> None:
    assert "hand 7" in run("a.json", "b", "-o", "c.csv")
    with Path("c.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert float(rows["one"]["p"]) == pytest.approx(2 / 2**7)
    assert float(rows["two"]["p_holm"]) == pytest.approx(4 / 2**7)
    assert float(rows["epiphysis"]["difference"]) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.json", "none.json"), "none.json: no such file"),
        (("a.json", "b", "--metric", "hd"), "no metric 'hd', expected one of dice"),
        (("a.json", "b", "-o", "c.txt"), r"c.txt: unknown file type"),
        (("a.json", "b", "-o", "a.json"), "--overwrite"),
        (("a.json", "b", "-o", "a.json", "--overwrite"), "is an input"),
        (("a.json", "b", "-o", "b/c.json"), "is an input or lies among them"),
    ],
)
def test_refusals(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(AmcnetError, match=message):
        run(*arguments)
