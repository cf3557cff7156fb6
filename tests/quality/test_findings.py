import json

from amcnet.anatomy import LabelTable
from amcnet.quality import SEVERITY_COLOR_RGB, Finding, QualityReport, Severity

TABLE = LabelTable.from_names(["one", "two", "three"])
LOOK = Finding("pieces", Severity.LOOK, (2,), "two: is in 2 pieces")
BAD = Finding("missing", Severity.BAD, (3,), "three: missing")
REPORT = QualityReport((BAD, LOOK), TABLE, (1, 2), ("confidence",))


def test_the_verdict_is_the_worst_finding() -> None:
    assert REPORT.verdict is Severity.BAD
    assert QualityReport((LOOK,), TABLE, (1, 2, 3)).verdict is Severity.LOOK
    assert QualityReport((), TABLE, (1, 2, 3)).verdict is Severity.OK


def test_each_structure_gets_the_colour_of_its_severity() -> None:
    colors = [structure.color_rgb for structure in REPORT.colored_table()]
    assert colors == [SEVERITY_COLOR_RGB[s] for s in (Severity.OK, Severity.LOOK, Severity.BAD)]
    assert len(set(colors)) == 3


def test_json_holds_every_structure_and_finding() -> None:
    data = json.loads(json.dumps(REPORT.to_dict(), allow_nan=False))
    assert data["verdict"] == "bad"
    assert [(row["label"], row["present"], row["severity"]) for row in data["structures"]] == [
        (1, True, "ok"),
        (2, True, "look"),
        (3, False, "bad"),
    ]
    assert data["findings"][0]["names"] == ["three"]


def test_the_text_says_all_of_it() -> None:
    text = REPORT.text().splitlines()
    assert text[0] == "bad: 2 of 3 structures present"
    assert text[1].split() == ["bad", "three:", "missing"]
    assert text[-1].endswith("confidence")
