"""Data sets as other tools lay them out: the Decathlon, nnU-Net v1, nnU-Net's lists of files."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.data import check_dataset, read_dataset
from amcnet.data.problems import Problem, merge_problems
from amcnet.errors import InputError
from amcnet.io import read_labels

DECATHLON = {
    "name": "Hippocampus",
    "tensorImageSize": "3D",
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
    "numTraining": 5,
}


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


def write_case(image: Path, labels: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    write(image, rng.integers(0, 200, (9, 8, 7)).astype(np.int16))
    array = np.zeros((9, 8, 7), np.uint8)
    array[2:5, 2:6, 1:5] = 1
    array[5:7, 2:6, 1:5] = 2
    write(labels, array)


def decathlon(folder: Path, ending: str = "", **changes: object) -> Path:
    """Write the layout; ``ending`` is ``_0000`` for that of nnU-Net v1."""
    listed = []
    for number in range(5):
        name = f"hippocampus_{number:03d}"
        labels = folder / "labelsTr" / f"{name}.nii.gz"
        write_case(folder / "imagesTr" / f"{name}{ending}.nii.gz", labels, number)
        files = {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
        listed.append(files)
    (folder / "imagesTr" / "._hippocampus_000.nii.gz").touch()  # as macOS leaves them
    (folder / "labelsTr" / "._hippocampus_000.nii.gz").touch()
    description = DECATHLON | {"training": listed, "test": []} | changes
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize("ending", ["", "_0000"])
def test_the_decathlon_and_the_first_nnunet(tmp_path: Path, ending: str) -> None:
    folder = decathlon(tmp_path / "Task04", ending)
    dataset = read_dataset(folder)
    assert [case.name for case in dataset.cases] == [f"hippocampus_{n:03d}" for n in range(5)]
    assert dataset.table.values_by_name == {"background": 0, "Anterior": 1, "Posterior": 2}
    assert dataset.channels == ("MRI",)
    assert all(path.is_file() for case in dataset.cases for path in case.images)
    report = check_dataset(folder)
    assert report.errors == ()
    (note,) = (p.what for p in report.warnings)
    assert "value: name" in note
    assert "converted" in note


def test_a_decathlon_folder_without_its_list_is_read_by_its_names(tmp_path: Path) -> None:
    folder = decathlon(tmp_path / "Task04")
    description = json.loads((folder / "dataset.json").read_text())
    del description["training"]
    (folder / "dataset.json").write_text(json.dumps(description))
    assert len(read_dataset(folder).cases) == 5


def test_what_is_wrong_with_a_list_is_told(tmp_path: Path) -> None:
    folder = decathlon(tmp_path / "Task04")
    (folder / "labelsTr" / "hippocampus_001.nii.gz").unlink()
    write_case(folder / "imagesTr" / "more.nii.gz", folder / "labelsTr" / "more.nii.gz", 9)
    texts = [problem.what for problem in check_dataset(folder).problems]
    assert (
        "labelsTr/hippocampus_001.nii.gz is missing, expected a file that dataset.json lists"
        in (texts)
    )
    assert "dataset.json does not list 1 file of labelsTr, such as more.nii.gz" in texts
    for bad, message in (
        ({}, r"'training' is \{\}, expected a list"),
        ([{"image": "a"}], r"training\[0\] is .*, expected 'image' and 'label'"),
        (["a"], r"training\[0\] is 'a', expected 'image' and 'label'"),
    ):
        other = decathlon(tmp_path / repr(bad)[:4].strip("{[("), training=bad)
        with pytest.raises(InputError, match=message):
            read_dataset(other)


def test_an_explicit_list_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "Dataset001"
    elsewhere = tmp_path / "elsewhere"
    listed = {}
    for number, name in enumerate(("a", "b", "c", "d")):
        image = elsewhere / f"scan {number}" / "first.nii.gz"
        write_case(image, folder / "labels" / f"{name}.nii.gz", number)
        second = folder / "second" / f"{name}.nii.gz"
        write_case(second, folder / "labels" / f"{name}.nii.gz", 10 + number)
        images = [str(image) if number else f"../elsewhere/scan {number}/first.nii.gz"]
        images.append(f"second/{name}.nii.gz")
        listed[name] = {"images": images, "label": f"labels/{name}.nii.gz"}
    description = {
        "labels": {"background": 0, "x": 1, "y": 2},
        "channel_names": {"0": "T1", "1": "T2"},
        "file_ending": ".nii.gz",
        "dataset": listed,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    report = check_dataset(folder)
    assert report.errors == ()
    (note,) = (problem.what for problem in report.warnings)
    assert note.startswith("found 4 files outside the data set's folder, such as ")
    assert report.dataset is not None
    assert [case.name for case in report.dataset.cases] == ["a", "b", "c", "d"]
    assert [len(case.images) for case in report.dataset.cases] == [2, 2, 2, 2]
    for bad, message in (
        ([], r"'dataset' is \[\], expected cases by name"),
        ({"a": {"images": "x", "label": "y"}}, r"dataset\.a is .*, expected 'images'"),
        ({"a": {"images": [], "label": "y"}}, r"dataset\.a is .*, expected 'images'"),
        ({"../a": listed["a"]}, r"lists '../a', expected a plain name"),
    ):
        (folder / "dataset.json").write_text(json.dumps(description | {"dataset": bad}))
        with pytest.raises(InputError, match=message):
            read_dataset(folder)


def test_regions_are_refused_by_their_key(tmp_path: Path) -> None:
    labels = {"background": 0, "whole": [1, 2], "core": 2}
    folder = decathlon(tmp_path / "d", labels=labels, regions_class_order=[1, 2])
    with pytest.raises(InputError, match=r"dataset\.json: key 'labels': 'whole' is \[1, 2\]"):
        read_dataset(folder)


def test_names_beyond_ascii(tmp_path: Path) -> None:
    labels = {"0": "background", "1": "Wirbelkörper", "2": "椎弓"}
    folder = decathlon(tmp_path / "Daten für 部", labels=labels)
    text = json.dumps(json.loads((folder / "dataset.json").read_text()), ensure_ascii=False)
    (folder / "dataset.json").write_text(text, encoding="utf-8")
    assert [s.name for s in read_dataset(folder).table] == ["Wirbelkörper", "椎弓"]


def test_labels_stored_as_scaled_integers(tmp_path: Path) -> None:
    folder = decathlon(tmp_path / "d")
    path = folder / "labelsTr" / "hippocampus_002.nii"
    labels = sitk.ReadImage(str(path) + ".gz")
    expected = sitk.GetArrayFromImage(labels)
    sitk.WriteImage(labels, str(path))
    content = bytearray(path.read_bytes())
    content[112:116] = np.float32(0.5).tobytes()  # scl_slope
    data = int(np.frombuffer(content, np.float32, 1, 108)[0])
    content[data:] = bytes(2 * value for value in content[data:])
    path.write_bytes(content)
    np.testing.assert_array_equal(read_labels(path).array, expected)


def test_a_case_without_structures_is_a_warning(tmp_path: Path) -> None:
    folder = decathlon(tmp_path / "d")
    write(folder / "labelsTr" / "hippocampus_003.nii.gz", np.zeros((9, 8, 7), np.uint8))
    report = check_dataset(folder)
    assert report.errors == ()
    (warning,) = (problem for problem in report.warnings if problem.case)
    assert warning.case == "hippocampus_003"
    assert "holds no structure" in warning.what


def test_what_label_values_there_are_is_proposed_as_a_file(tmp_path: Path) -> None:
    folder = decathlon(tmp_path / "d")
    (folder / "dataset.json").unlink()
    report = check_dataset(folder)
    assert "nothing states what the labels mean" in report.errors[0].what
    (folder / "dataset.json").write_text(report.proposal)
    again = check_dataset(folder)
    assert again.errors == ()
    assert [s.name for s in again.dataset.table] == ["structure 1", "structure 2"]


def test_equal_problems_are_one_line() -> None:
    problems = [Problem("error", f"case_{n}", f"labels/case_{n}.nii.gz is 4D") for n in range(40)]
    problems.append(Problem("warning", "", "few"))
    merged = merge_problems(problems)
    assert merged[0] == Problem(
        "error",
        "case_0, case_1, case_2 and 37 more",
        "labels/*.nii.gz is 4D (40 cases, * is the case)",
    )
    assert merged[1:] == (Problem("warning", "", "few"),)
