import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.anatomy import LabelTable, Structure, hand_label_table
from amcnet.errors import InputError

NAME = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8
).filter(str.strip)
NAMES = st.lists(NAME, unique=True, max_size=60)


@pytest.mark.parametrize("values", [(2,), (0, 1), (1, 3), (2, 1), (1, 1), (-1,)])
def test_values_must_count_up_from_one(values):
    with pytest.raises(InputError, match="expected 1 to"):
        LabelTable(tuple(Structure(value, f"s{i}") for i, value in enumerate(values)))


def test_names_must_differ():
    with pytest.raises(InputError, match="twin"):
        LabelTable((Structure(1, "twin"), Structure(2, "single"), Structure(3, "twin")))


@pytest.mark.parametrize("unknown", [0, 3, -1])
def test_neighbours_must_exist(unknown):
    with pytest.raises(InputError, match=r"'b'.*neighbours"):
        LabelTable((Structure(1, "a"), Structure(2, "b", neighbours=(1, unknown))))


def test_structures_are_found_by_value():
    table = LabelTable.from_names(["a", "b", "c"])
    assert [table[value].name for value in (1, 2, 3)] == ["a", "b", "c"]
    assert [s.name for s in table] == ["a", "b", "c"]
    assert len(table) == 3
    assert table.num_classes == 4
    for value in (0, 4, -1):
        with pytest.raises(KeyError):
            table[value]


def test_kinds_keep_their_order_of_appearance():
    kinds = ("z", "a", "z", "m")
    table = LabelTable(tuple(Structure(i, f"s{i}", k) for i, k in enumerate(kinds, start=1)))
    assert table.kinds == ("z", "a", "m")
    assert table.values_of_kind("z") == (1, 3)
    assert table.values_of_kind("none") == ()


def test_hand_survives_json():
    hand = hand_label_table()
    assert LabelTable.from_dicts(json.loads(json.dumps(hand.to_dicts()))) == hand


@given(NAMES)
def test_plain_table_survives_json(names):
    table = LabelTable.from_names(names)
    assert LabelTable.from_dicts(json.loads(json.dumps(table.to_dicts()))) == table


@given(NAMES)
def test_from_names_numbers_and_colours_the_names(names):
    table = LabelTable.from_names(names)
    assert [(s.value, s.name) for s in table] == list(enumerate(names, start=1))
    assert len({s.color_rgb for s in table}) == len(names)


def test_from_names_refuses_repeated_names():
    with pytest.raises(InputError, match="more than once"):
        LabelTable.from_names(["a", "a"])


@pytest.mark.parametrize(
    "row",
    [
        {"value": 1},
        {"name": "a"},
        {"value": 1, "name": "a", "size": 3},
        {},
        {"value": 1, "name": "a", "neighbours": 2},
    ],
)
def test_from_dicts_refuses_unusable_rows(row):
    with pytest.raises(InputError, match="label table"):
        LabelTable.from_dicts([row])


def test_from_dicts_fills_what_may_be_left_out():
    table = LabelTable.from_dicts([{"value": 1, "name": "a"}])
    assert table[1] == Structure(1, "a")


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "\x1b[31mred", "a\tb", "a\u2028b", 5, None, ["a"]]
)
def test_names_that_no_file_can_hold_are_refused(name: object) -> None:
    with pytest.raises(InputError, match="expected text in one line without control characters"):
        LabelTable((Structure(1, name),))


@pytest.mark.parametrize(
    "changes",
    [
        {"color_rgb": ["1);}</style><script>alert(1)</script>", 2, 3]},
        {"color_rgb": [1.5, 2, 3]},
        {"color_rgb": [1, 2]},
        {"color_rgb": [1, 2, 256]},
        {"color_rgb": "red"},
        {"color_rgb": 5},
        {"kind": "bone\nSegment1_Name:=x"},
        {"kind": 3},
        {"group": ["thumb"]},
        {"segment": "\x1b[31m"},
        {"codes": {"FMA": 23945}},
        {"codes": {"FMA\n": "1"}},
        {"codes": ["FMA"]},
        {"value": 1.0},
        {"value": True},
        {"neighbours": ["1"]},
        {"neighbours": 1},
    ],
)
def test_what_a_strangers_table_may_not_hold(changes: dict[str, object]) -> None:
    row = {"value": 1, "name": "femur"} | changes
    with pytest.raises(InputError, match="label table"):
        LabelTable.from_dicts([row])


def test_a_million_names_are_refused_at_once() -> None:
    many = (Structure(1, "twin"),) * 1_000_000
    began = time.process_time()
    with pytest.raises(InputError, match="found 1000000 structures, expected at most 65535"):
        LabelTable(many)
    with pytest.raises(InputError, match="found more than once"):
        LabelTable(tuple(Structure(n, f"n{n // 2}") for n in range(1, 30_001)))
    assert time.process_time() - began < 5  # counting each name would take a minute
