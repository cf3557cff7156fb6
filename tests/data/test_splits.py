import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amcnet.data.splits import Split, fold_splits, random_split, read_splits, write_splits
from amcnet.errors import InputError

NAMES = st.integers(2, 120).map(lambda count: [f"case{i}" for i in range(count)])


@given(NAMES, st.integers(0, 9))
def test_random_split_parts_the_cases(names, seed):
    split = random_split(names, seed)
    assert sorted(split.train + split.val) == sorted(names)
    assert split == random_split(names, seed)
    assert abs(len(split.val) - len(names) / 4) <= 0.5


def test_the_papers_split():
    split = random_split([str(i) for i in range(103)], 0)
    assert (len(split.train), len(split.val)) == (77, 26)
    assert split != random_split([str(i) for i in range(103)], 1)


@given(NAMES, st.data())
def test_every_case_is_held_out_once(names, data):
    folds = data.draw(st.integers(2, len(names)))
    splits = fold_splits(names, folds, 3)
    assert sorted(name for split in splits for name in split.val) == sorted(names)
    sizes = [len(split.val) for split in splits]
    assert max(sizes) - min(sizes) <= 1
    for split in splits:
        assert sorted(split.train + split.val) == sorted(names)


@pytest.mark.parametrize("folds", [1, 4])
def test_folds_that_cannot_be(folds):
    with pytest.raises(InputError, match=f"found {folds}, expected 2 to 3"):
        fold_splits(["a", "b", "c"], folds, 0)


def test_splits_are_written_as_nnunet_reads_them(tmp_path):
    splits = fold_splits(["a", "b", "c"], 3, 0)
    path = tmp_path / "splits_final.json"
    write_splits(path, splits)
    assert set(json.loads(path.read_text())[0]) == {"train", "val"}
    assert read_splits(path, ["a", "b", "c"]) == splits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"train": ["a"], "val": ["z"]}], "fold 0 names z, which is not a case"),
        ([{"train": ["a"], "val": ["a"]}], "lists a for both training and validation"),
        ([], "is empty"),
        ([{"train": ["a"]}], "cannot be read"),
    ],
)
def test_splits_that_do_not_fit_the_data(tmp_path, content, message):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_splits(path, ["a", "b"])


def test_a_split_need_not_use_every_case(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["b"], "val": []}]))
    assert read_splits(path, ["a", "b"]) == [Split(("b",), ())]
