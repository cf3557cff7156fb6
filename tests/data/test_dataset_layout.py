import json
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.data import Dataset, read_dataset
from amcnet.data.dataset_layout import find_cases, find_dataset_label_names
from amcnet.errors import InputError
from amcnet.io import read_labels, read_volume
from amcnet.phantom import PhantomConfig, PhantomGrid, make_phantom, write_dataset

GRID = PhantomGrid((60, 48, 24), (2.87, 2.8, 1.9))


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
    write_dataset(out, 2, 4, PhantomConfig(GRID))
    return read_dataset(out)


def test_reads_what_the_phantom_writes(phantom):
    assert [case.name for case in phantom.cases] == ["hand_000004", "hand_000005"]
    assert phantom.table == hand_label_table()
    assert phantom.channels == ("ultrasound",)
    assert phantom.ignore_value is None
    truth = make_phantom(5, PhantomConfig(GRID))
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


def test_missing_labels_are_named(tmp_path):
    key, folder = "labels", plain_dataset(tmp_path / "d")
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


SNAP = '1 255 0 0 1 1 1 "left"\n2 0 255 0 1 1 1 "right"\n'
VOXELS = np.zeros((4, 5, 6), np.uint8)


def pairs(folder: Path, ending: str = ".nrrd") -> Path:
    for name in ("a", "b"):
        for path in (folder / "images" / f"{name}.nrrd", folder / "labels" / f"{name}{ending}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


def test_channels_and_ignore_label(tmp_path):
    folder = plain_dataset(
        tmp_path / "d",
        channel_names={"0": "CT", "1": "PET"},
        labels={"background": 0, "x": 1, "ignore": 2},
        numTraining=99,
    )
    for name in "ab":
        (folder / "imagesTr" / f"{name}_0001.nii.gz").touch()
    dataset = read_dataset(folder)
    assert dataset.channels == ("CT", "PET")
    assert dataset.ignore_value == 2
    assert [s.name for s in dataset.table] == ["x"]
    images = dataset.cases[0].images
    assert [path.name for path in images] == ["a_0000.nii.gz", "a_0001.nii.gz"]
    (folder / "imagesTr" / "b_0001.nii.gz").unlink()
    with pytest.raises(InputError, match="case b: has the channels 0000, expected 0000 to 0001"):
        read_dataset(folder)


def test_channels_without_names(tmp_path):
    folder = plain_dataset(tmp_path / "d")
    assert read_dataset(folder).channels == ("image",)
    for name in "ab":
        (folder / "imagesTr" / f"{name}_0001.nii.gz").touch()
    assert read_dataset(folder).channels == ("channel 0", "channel 1")


@pytest.mark.parametrize("key", ["channel_names", "modality"])
def test_names_of_channels(tmp_path, key):
    folder = plain_dataset(tmp_path / "d", **{key: {"0": "ultrasound"}})
    assert read_dataset(folder).channels == ("ultrasound",)


@pytest.mark.parametrize("names", [["CT"], {}, {"1": "CT"}, "CT", 5])
def test_unusable_channel_names_are_refused(tmp_path, names):
    with pytest.raises(InputError, match=r"dataset\.json: channel_names are"):
        read_dataset(plain_dataset(tmp_path / "d", channel_names=names))


@pytest.mark.parametrize("ending", [5, "nrrd", None])
def test_unusable_file_ending_is_refused(tmp_path, ending):
    with pytest.raises(InputError, match=r"dataset\.json: file_ending is"):
        read_dataset(plain_dataset(tmp_path / "d", file_ending=ending))


def test_plain_folders_with_each_kind_of_label_file(tmp_path):
    folder = pairs(tmp_path / "d")
    with pytest.raises(InputError, match="nothing states what the labels mean, expected a dataset"):
        read_dataset(folder)
    (folder / "readme.txt").write_text("Twenty volumes.")
    (folder / "colours.txt").write_text(SNAP)
    dataset = read_dataset(folder)
    assert [(s.name, s.color_rgb) for s in dataset.table] == [
        ("left", (255, 0, 0)),
        ("right", (0, 255, 0)),
    ]
    assert [case.name for case in dataset.cases] == ["a", "b"]
    (folder / "more.label").write_text(SNAP)
    with pytest.raises(InputError, match=r"colours\.txt and more\.label, expected one"):
        read_dataset(folder)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"p": 1}}))
    assert [s.name for s in read_dataset(folder).table] == ["p"]
    assert [s.name for s in read_dataset(folder, folder / "colours.txt").table] == ["left", "right"]
    (folder / "dataset.json").write_text(
        json.dumps({"labels": {"p": 1}, "channel_names": {"0": "T1", "1": "T2"}})
    )
    with pytest.raises(InputError, match="names 2 channels, expected 1"):
        read_dataset(folder)


def test_given_labels_count_before_dataset_json(tmp_path):
    folder = plain_dataset(tmp_path / "d")
    other = tmp_path / "names.label"
    other.write_text(SNAP)
    dataset = read_dataset(folder, other)
    assert [s.name for s in dataset.table] == ["left", "right"]


def test_segments_of_3d_slicer_name_the_labels(tmp_path, write_segmentation):
    folder = pairs(tmp_path / "d", ".seg.nrrd")
    labels = folder / "labels"
    write_segmentation(labels / "a.seg.nrrd", VOXELS, {"liver": 4, "left  kidney": 1})
    write_segmentation(labels / "b.seg.nrrd", VOXELS, {"spleen": 1, "Left kidney": 2})
    table = read_dataset(folder).table
    assert [(s.value, s.name) for s in table] == [(1, "liver"), (2, "left kidney"), (3, "spleen")]
    (labels / "b.seg.nrrd").write_bytes(b"damaged")
    names = find_dataset_label_names(folder, find_cases(folder).cases)
    assert [s.name for s in names.table] == ["liver", "left kidney"]


def test_segments_of_the_hand_in_any_order_give_the_hands_table(tmp_path, write_segmentation):
    folder = pairs(tmp_path / "d", ".seg.nrrd")
    names = [s.name for s in hand_label_table()]
    first = {name: value for value, name in enumerate(names[20:], start=1)}
    second = {name: value for value, name in enumerate(names[:30], start=1)}
    write_segmentation(folder / "labels" / "a.seg.nrrd", VOXELS, first)
    write_segmentation(folder / "labels" / "b.seg.nrrd", VOXELS, second)
    assert read_dataset(folder).table == hand_label_table()


def test_too_many_segments_are_refused(tmp_path, write_segmentation):
    folder = pairs(tmp_path / "d", ".seg.nrrd")
    for name, start in (("a", 0), ("b", 200)):
        segments = {f"s{start + value}": value for value in range(1, 201)}
        write_segmentation(folder / "labels" / f"{name}.seg.nrrd", VOXELS, segments)
    with pytest.raises(InputError, match="found 400 structures, expected 1 to 254"):
        read_dataset(folder)


def test_all_problems_of_the_layout_are_collected(tmp_path):
    folder = plain_dataset(tmp_path / "d", cases=("a", "b", "c"))
    (folder / "labelsTr" / "a.nii.gz").unlink()
    (folder / "imagesTr" / "c_0000.nii.gz").unlink()
    found = find_cases(folder)
    assert [case.name for case in found.cases] == ["b"]
    assert [problem.case for problem in found.problems] == ["a", "c"]
    with pytest.raises(InputError, match=r"case a: labelsTr/a\.nii\.gz is missing"):
        read_dataset(folder)
