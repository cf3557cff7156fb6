import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amcnet.cli.main import app
from amcnet.errors import AmcnetError

CASES = {
    name: {"structures": [{"label": 1, "name": "one", "dice": dice, "hd95_mm": None}]}
    for name, dice in (("a", 0.5), ("b", 0.7), ("c", 0.9))
}


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"cases": CASES}))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["summarise", "r.json", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_table_on_stdout_or_in_a_file() -> None:
    shown = run()
    cells = [cell.strip() for cell in shown.splitlines()[4].split("|")[1:-1]]
    assert cells[:7] == ["dice", "all", "all", "3", "0.700", "0.200", "0.700"]
    run("-o", "t.md")
    assert Path("t.md").read_text(encoding="utf-8") == shown


def test_other_metrics_and_box_plots() -> None:
    shown = run("--metric", "hd95_mm", "--boxplots", "b.png", "-o", "t.json")
    assert "b.png: 3 cases" in shown
    assert {row["metric"] for row in json.loads(Path("t.json").read_text())["rows"]} == {"hd95_mm"}
    assert Path("b.png").read_bytes().startswith(b"\x89PNG")


def test_cases_without_a_result_are_told() -> None:
    gaps = {"missing": ["c", "d"], "failed": {"e": "e.nrrd: is damaged"}}
    Path("r.json").write_text(json.dumps({"cases": CASES} | gaps))
    expected = [
        "1 case without a prediction, counted as missed: c.",
        "1 case without a prediction, skipped: d.",
        "1 case not evaluated, skipped: e.",
    ]
    shown = run()
    assert [line[2:] for line in shown.splitlines() if line.startswith("- 1 case")] == expected
    assert run("-o", "t.csv").splitlines()[:3] == expected
    run("-o", "t.json")
    assert json.loads(Path("t.json").read_text())["notes"][:3] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--boxplots", "b.jpg"), r"b.jpg: unknown file type '.jpg', expected one of .png"),
        (("-o", "r.json", "--overwrite"), "is an input"),
        (("-o", "r.json"), "--overwrite"),
        (("--metric", "name"), "no metric 'name'"),
    ],
)
def test_refusals(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(AmcnetError, match=message):
        run(*arguments)
