import json
from pathlib import Path

import pytest

from amcnet.anatomy import hand_label_table
from amcnet.data import Dataset, read_dataset
from amcnet.errors import InputError
from amcnet.io import read_labels, read_volume
from amcnet.phantom import Grid, Recipe, make_phantom, write_dataset

GRID = Grid((60, 48, 24), (2.87, 2.8, 1.9))


def plain_dataset(folder: Path, cases: tuple[str, ...] = ("b", "a"), **changes: object) -> Path:
    description = {"labels": {"background": 0, "x": 1, "y": 2}, "file_ending": ".nii.gz"}
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(parents=True)
    for name in cases:
        (folder / "imagesTr" / f"{name}_0000.nii.gz").touch()
        (folder / "labelsTr" / f"{name}.nii.gz").touch()
    (folder / "dataset.json").write_text(json.dumps(description | changes), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def phantom(tmp_path_factory) -> Dataset:
    out = tmp_path_factory.mktemp("data") / "phantom"
    write_dataset(out, 2, 4, Recipe(GRID))
    return read_dataset(out)


def test_reads_what_the_phantom_writes(phantom):
    assert [case.name for case in phantom.cases] == ["hand_000004", "hand_000005"]
    assert phantom.table == hand_label_table()
    truth = make_phantom(5, Recipe(GRID))
    image = read_volume(phantom.cases[1].images[0])
    assert (image.array == truth.image).all()
    assert image.spacing_mm == pytest.approx(GRID.spacing_mm)
    assert (read_labels(phantom.cases[1].labels).array == truth.labels).all()


def test_other_names_give_a_plain_table(tmp_path):
    dataset = read_dataset(plain_dataset(tmp_path / "d"))
    assert [(s.value, s.name) for s in dataset.table] == [(1, "x"), (2, "y")]
    assert [case.name for case in dataset.cases] == ["a", "b"]
    assert dataset.folder == tmp_path / "d"


def test_order_of_label_names_does_not_matter(tmp_path):
    folder = plain_dataset(tmp_path / "d", labels={"y": 2, "x": 1, "background": 0})
    assert [s.name for s in read_dataset(folder).table] == ["x", "y"]


def test_missing_label_file_is_named(tmp_path):
    folder = plain_dataset(tmp_path / "d")
    (folder / "labelsTr" / "b.nii.gz").unlink()
    with pytest.raises(InputError, match=r"labelsTr/b\.nii\.gz.*missing"):
        read_dataset(folder)


def test_missing_description_is_named(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.json"):
        read_dataset(tmp_path / "nothing")


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(InputError, match="imagesTr"):
        read_dataset(plain_dataset(tmp_path / "d", cases=()))


@pytest.mark.parametrize("text", ["{", "", "5", "null", "[]", '"labels file_ending"', "{}"])
def test_unreadable_description_is_named(tmp_path, text):
    folder = plain_dataset(tmp_path / "d")
    (folder / "dataset.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"dataset\.json"):
        read_dataset(folder)


@pytest.mark.parametrize("key", ["labels", "file_ending"])
def test_missing_entry_is_named(tmp_path, key):
    folder = plain_dataset(tmp_path / "d")
    path = folder / "dataset.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    del description[key]
    path.write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(InputError, match=rf"dataset\.json.*{key}"):
        read_dataset(folder)


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0, "x": 2},
        {"background": 0, "x": 1, "y": 3},
        {"background": 0, "x": "1"},
        {"background": 0, "x": 1, "y": "2"},
        {"background": 0, "x": [1, 2]},
        {"background": 0, "x": 1, "y": 1},
        ["x", "y"],
        "x",
    ],
)
def test_unusable_labels_are_refused(tmp_path, labels):
    with pytest.raises(InputError, match=r"dataset\.json"):
        read_dataset(plain_dataset(tmp_path / "d", labels=labels))
