import json

import pytest

from amcnet.errors import InputError, OutputError
from amcnet.metrics.case_gaps import CaseGaps
from amcnet.workflows.evaluate.results import check_not_an_input, read_gaps, read_results

CASE = {"summary": {}, "structures": [{"label": 1, "name": "one", "dice": 0.5}]}


def write(path, data):
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_one_case_many_cases_and_folders(tmp_path):
    assert read_results(write(tmp_path / "hand 1.json", CASE)) == {"hand 1": CASE}
    many = write(tmp_path / "many.json", {"cases": {"b": CASE, "a": CASE}, "structures": []})
    assert list(read_results(many)) == ["a", "b"]
    write(tmp_path / ".hidden.json", "no JSON")
    write(tmp_path / "notes.txt", "no JSON")
    assert list(read_results(tmp_path)) == ["a", "b", "hand 1"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", r"r\.json: is not valid JSON"),
        ([CASE], "holds a list"),
        ({"cases": {}}, "holds no case"),
        ({"summary": {}}, "'r' has no list 'structures'"),
        ({"cases": {"a": 3}}, "'a' has no list 'structures'"),
        (CASE | {"cases": 7}, "means over 7 cases"),
        ({"structures": [{"label": 1, "name": 7}]}, "'r' has name = 7 .*, expected a text"),
        ({"structures": [{"name": "a", "dice": [1]}]}, r"'r' has dice = \[1\] for a structure"),
        ({"structures": [{"name": "a", "label": "1"}]}, "'r' has label = '1' .*, expected a num"),
    ],
)
def test_other_files_are_refused(tmp_path, data, message):
    with pytest.raises(InputError, match=message):
        read_results(write(tmp_path / "r.json", data))


def test_nothing_there_and_names_found_twice(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        read_results(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"holds no \.json file"):
        read_results(tmp_path)
    write(tmp_path / "a.json", CASE)
    write(tmp_path / "b.json", {"cases": {"a": CASE}})
    with pytest.raises(InputError, match=r"b\.json: has the case 'a'"):
        read_results(tmp_path)


def test_outputs_are_no_inputs(tmp_path):
    file = write(tmp_path / "a.json", CASE)
    for output, results in ((file, file), (tmp_path / "new.json", tmp_path)):
        with pytest.raises(OutputError, match="is an input"):
            check_not_an_input(output, results)
    check_not_an_input(tmp_path / "new.md", tmp_path)
    check_not_an_input(tmp_path / "new.json", file)


def test_gaps_of_several_files_are_one(tmp_path):
    write(tmp_path / "a.json", {"cases": {"x": CASE, "y": CASE}, "missing": ["y"], "failed": {}})
    write(tmp_path / "b.json", {"cases": {"v": CASE}, "missing": ["w"], "failed": {"u": "broken"}})
    write(tmp_path / "single.json", CASE)
    assert read_gaps(tmp_path) == CaseGaps(("y",), ("w",), ("u",))
    assert read_gaps(tmp_path / "single.json").notes() == ()
