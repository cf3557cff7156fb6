import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.data import read_label_file, read_label_table
from amcnet.data.label_files import looks_like_snap, table_of_names
from amcnet.errors import InputError

# As ITK-SNAP 4 writes it, with the value 2 taken out and a name with spaces.
SNAP = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "left  kidney"
    3     0    0  255     0.45  1  0    "spleen \\"x\\""
"""


def snap_text(table: LabelTable) -> str:
    rows = [
        f'{s.value} {s.color_rgb[0]} {s.color_rgb[1]}\t{s.color_rgb[2]} 1 1 1 "{s.name}"'
        for s in table
    ]
    return "\n".join(["# a comment", "", '0 0 0 0 0 0 0 "Clear Label"', *rows[::-1]]) + "\n"


def write(path: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def labels_json(path: Path, labels: object) -> Path:
    return write(path / "dataset.json", {"labels": labels})


def test_itk_snap_keeps_values_and_colours(tmp_path):
    names = read_label_file(write(tmp_path / "labels.txt", SNAP))
    assert [(s.value, s.name) for s in names.table] == [
        (1, "left  kidney"),
        (2, "unused 2"),
        (3, 'spleen \\"x\\"'),
    ]
    assert [names.table[v].color_rgb for v in (1, 3)] == [(255, 0, 0), (0, 0, 255)]
    assert names.placeholders == (2,)
    assert names.ignore_value is None


COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).map(
    str.strip
)


@given(
    st.dictionaries(
        st.integers(1, 254),
        st.tuples(NAMES.filter(lambda n: n and not n.startswith("unused ")), COLOURS),
        min_size=1,
        max_size=8,
    ).filter(lambda rows: len({name for name, _ in rows.values()}) == len(rows))
)
def test_itk_snap_round_trip(tmp_path_factory, rows):
    structures = tuple(
        Structure(v, rows[v][0], color_rgb=rows[v][1]) if v in rows else Structure(v, f"unused {v}")
        for v in range(1, max(rows) + 1)
    )
    kept = [s for s in structures if s.value in rows]
    path = tmp_path_factory.getbasetemp() / "round.label"
    names = read_label_file(write(path, snap_text(kept)))
    assert names.table == LabelTable(structures)
    assert set(names.placeholders) == {s.value for s in structures} - set(rows)
    assert looks_like_snap(path)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1 2 3", "expected a row of ITK-SNAP"),
        ('1 0 0 0 1 1 1 "a', "expected a row of ITK-SNAP"),
        ('-1 0 0 0 1 1 1 "a"', "expected a row of ITK-SNAP"),
        ('1 0 0 256 1 1 1 "a"', "colour is 0 0 256"),
        ('255 0 0 0 1 1 1 "a"', "value is 255, expected at most 254"),
        (f'{"9" * 5000} 0 0 0 1 1 1 "a"', "expected a row"),
        ('3 0 0 0 1 1 1 "a"', "value 3 occurs twice"),
        ('4 0 0 0 1 1 1 "left  kidney"', "'left  kidney' occurs twice"),
        ('4 0 0 0 1 1 1 " "', "empty name"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path, row, what):
    path = write(tmp_path / "labels.txt", SNAP + "\n" + row + "\n")
    with pytest.raises(InputError, match=rf"labels\.txt: line 10: .*{what}"):
        read_label_file(path)


@pytest.mark.parametrize("text", ["", "# nothing\n", '0 0 0 0 0 0 0 "Clear Label"\n'])
def test_itk_snap_without_labels(tmp_path, text):
    with pytest.raises(InputError, match=r"labels\.txt: names no label"):
        read_label_file(write(tmp_path / "labels.txt", text))


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"labels\.txt: is not UTF-8 text"):
        read_label_file(path)
    assert not looks_like_snap(path)
    with pytest.raises(InputError, match=r"none\.txt: no such file"):
        read_label_file(tmp_path / "none.txt")


def test_the_hands_names_give_the_hands_table(tmp_path):
    hand = hand_label_table()
    assert read_label_table(write(tmp_path / "hand.txt", snap_text(hand))) is hand
    labels = {"background": 0} | {s.name: s.value for s in hand}
    assert read_label_table(labels_json(tmp_path, labels)) is hand
    names = [s.name for s in hand]
    assert table_of_names(names[::-1]) is hand
    assert table_of_names(names[:5]) == LabelTable.from_names(names[:5])


def test_ignore_label_is_no_structure(tmp_path):
    names = read_label_file(labels_json(tmp_path, {"background": 0, "b": 2, "a": 1, "ignore": 3}))
    assert [s.name for s in names.table] == ["a", "b"]
    assert names.ignore_value == 3
    assert read_label_file(labels_json(tmp_path, {"a": 1, "ignore": 255})).ignore_value == 255


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ({"a": 1, "ignore": 2, "b": 3}, "label values are"),
        ({"a": 2, "ignore": 1}, "label values are"),
        ({"a": 1, "b": 2, "ignore": -1}, "'ignore' is -1, expected the highest"),
        ({"a": 1, "ignore": 65536}, "'ignore' is 65536, expected the highest"),
        ({"background": 0, "whole": [1, 2], "core": 2}, r"'whole' is \[1, 2\].*not supported"),
        ({"background": 0}, r"label values are \[\], expected 1 to 1"),
        ({"a": 1.0}, "expected names with whole numbers"),
        ({"a": True}, "expected names with whole numbers"),
        ({f"s{v}": v for v in range(1, 256)}, "found 255 structures, expected 1 to 254"),
    ],
)
def test_labels_of_dataset_json_that_are_refused(tmp_path, labels, what):
    with pytest.raises(InputError, match=rf"dataset\.json: .*{what}"):
        read_label_file(labels_json(tmp_path, labels))


def test_254_structures_are_allowed(tmp_path):
    labels = {f"s{v}": v for v in range(1, 255)}
    assert len(read_label_table(labels_json(tmp_path, labels))) == 254
    with pytest.raises(InputError, match="found 255 structures"):
        table_of_names([f"s{v}" for v in range(255)])
    with pytest.raises(InputError, match="found 0 structures"):
        table_of_names([])


def test_a_byte_order_mark_does_not_matter(tmp_path):
    path = tmp_path / "dataset.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"labels": {"a": 1}}).encode())
    assert len(read_label_table(path)) == 1


def test_deep_json_is_one_line(tmp_path):
    path = tmp_path / "dataset.json"
    for text in ("[" * 100_000, '{"labels": ' + '{"a": ' * 100_000):
        path.write_text(text)
        with pytest.raises(InputError, match=r"dataset\.json: is not valid JSON"):
            read_label_file(path)


@pytest.mark.parametrize(
    "content",
    [
        '{"labels": {"' + "9" * 5000 + '": "liver"}}',
        '{"labels": {"liver": ' + "9" * 5000 + "}}",
        '{"labels": {"liver": NaN}}',
        '{"labels": {"liver": 1e400}}',
        '{"labels": {"liver": true}}',
        '{"labels": ' + "[" * 100_000,
        '{"labels": {' + ",".join(f'"s{n}": {n}' for n in range(100_000)) + "}}",
        '{"labels": {"a\\u001b[31m": 1}}',
        '{"labels": {"a\\nSegment1_Name:=b": 1}}',
        '{"labels": {"\\ud800": 1}}',
    ],
)
def test_what_a_stranger_may_have_put_into_it_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(content)
    began = time.process_time()
    with pytest.raises(InputError, match=r"dataset\.json: ") as error:
        read_label_file(path)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 5000
    assert time.process_time() - began < 5
