import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amcnet.anatomy import LabelTable
from amcnet.cli.main import app
from amcnet.data import check_dataset
from amcnet.data.dataset_growth import Correction, add_case
from amcnet.errors import InputError
from amcnet.io import read_labels, read_volume

SHAPE = (9, 8, 7)
NAMES = {"left": 1, "right": 2}


def scan(write_volume: Callable, path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    return write_volume(path, rng.integers(0, 200, SHAPE).astype(np.uint8))


def labels_of() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:6, 1:5] = 1
    labels[5:7, 2:6, 1:5] = 2
    return labels


def test_cases_are_added_and_can_be_trained_on(
    tmp_path: Path, write_volume: Callable, write_segmentation: Callable
) -> None:
    folder = tmp_path / "mine"
    for number in range(5):
        image = scan(write_volume, tmp_path / f"Müller Anna {number}.nrrd", number)
        labels = write_segmentation(tmp_path / f"Müller {number}.seg.nrrd", labels_of(), NAMES)
        correction = Correction(("left",), ("right",) if number == 3 else ())
        assert add_case(image, labels, folder, correction) == f"case_{number + 1:04d}"
    report = check_dataset(folder)
    assert report.errors == ()
    assert report.dataset.table.values_by_name == {"background": 0, "left": 1, "right": 2}
    assert report.dataset.ignore_value == 3
    volume = read_volume(folder / "imagesTr" / "case_0004_0000.nrrd")
    np.testing.assert_array_equal(volume.array, read_volume(image.with_stem("Müller Anna 3")).array)
    assert volume.spacing_mm == pytest.approx((0.5, 0.25, 0.125))
    found = read_labels(folder / "labelsTr" / "case_0004.nrrd").array
    np.testing.assert_array_equal(found, np.where(labels_of() == 2, 3, labels_of()))
    notes = json.loads((folder / "corrections.json").read_text())
    assert (notes["case_0004"]["corrected"], notes["case_0004"]["unsure"]) == (["left"], ["right"])
    assert (notes["case_0001"]["corrected"], notes["case_0001"]["unsure"]) == (["left"], [])
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    names = " ".join(path.name for path in folder.rglob("*"))
    assert b"ller" not in content
    assert "ller" not in names


def test_what_does_not_fit_is_refused_and_adds_nothing(
    tmp_path: Path, write_volume: Callable, write_segmentation: Callable
) -> None:
    folder = tmp_path / "mine"
    image = scan(write_volume, tmp_path / "a.nrrd", 0)
    good = write_segmentation(tmp_path / "a.seg.nrrd", labels_of(), NAMES)
    plain = write_volume(tmp_path / "plain.nrrd", labels_of())
    with pytest.raises(InputError, match=r"plain\.nrrd: does not name its structures, expected"):
        add_case(image, plain, folder)
    add_case(image, good, folder)
    before = sorted(path.name for path in folder.rglob("*"))
    other = write_segmentation(tmp_path / "b.seg.nrrd", labels_of(), {"left": 1, "Leber": 2})
    with pytest.raises(InputError, match="holds 'Leber', which are unknown to the data set"):
        add_case(image, other, folder)
    with pytest.raises(InputError, match="structure 'middle' is unknown, expected one of"):
        add_case(image, good, folder, Correction(unsure=("middle",)))
    with pytest.raises(InputError, match="structure 'background' is unknown"):
        add_case(image, good, folder, Correction(unsure=("background",)))
    with pytest.raises(InputError, match="structure 'left' is both corrected and unsure"):
        add_case(image, good, folder, Correction(("left",), ("left",)))
    small = write_volume(tmp_path / "small.nrrd", np.zeros((3, 8, 7), np.uint8))
    with pytest.raises(InputError):
        add_case(small, good, folder)
    assert sorted(path.name for path in folder.rglob("*")) == before
    # Once the names are known, values are enough.
    assert add_case(scan(write_volume, tmp_path / "b.nrrd", 1), plain, folder) == "case_0002"


def test_a_scan_that_is_added_again_replaces_its_labels(
    tmp_path: Path, write_volume: Callable, write_segmentation: Callable
) -> None:
    folder = tmp_path / "mine"
    images = [scan(write_volume, tmp_path / f"{number}.nrrd", number) for number in range(2)]
    labels = write_segmentation(tmp_path / "a.seg.nrrd", labels_of(), NAMES)
    for image in images:
        add_case(image, labels, folder, Correction(("left",)))
    better = labels_of()
    better[0, 0, 0] = 2
    again = write_segmentation(tmp_path / "again.seg.nrrd", better, NAMES)
    copy = (tmp_path / "0.nrrd").rename(tmp_path / "renamed.nrrd")
    assert add_case(copy, again, folder, Correction(("right",))) == "case_0001"
    assert check_dataset(folder).errors == ()
    found = read_labels(folder / "labelsTr" / "case_0001.nrrd").array
    np.testing.assert_array_equal(found, better)
    np.testing.assert_array_equal(
        read_labels(folder / "labelsTr" / "case_0002.nrrd").array, labels_of()
    )
    notes = json.loads((folder / "corrections.json").read_text())
    assert sorted(notes) == ["case_0001", "case_0002"]
    assert notes["case_0001"]["corrected"] == ["right"]


def test_the_structures_of_a_model_are_those_of_a_new_data_set(
    tmp_path: Path, write_volume: Callable, write_segmentation: Callable
) -> None:
    table = LabelTable.from_names(["left", "middle", "right"])
    folder = tmp_path / "mine"
    image = scan(write_volume, tmp_path / "a.nrrd", 0)
    only_right = np.where(labels_of() == 2, np.uint8(1), np.uint8(0))
    labels = write_segmentation(tmp_path / "a.seg.nrrd", only_right, {"right": 1})
    add_case(image, labels, folder, Correction(("right",)), table)
    found = read_labels(folder / "labelsTr" / "case_0001.nrrd").array
    np.testing.assert_array_equal(found, np.where(only_right, 3, 0))
    both = write_segmentation(tmp_path / "b.seg.nrrd", labels_of(), NAMES)
    other = scan(write_volume, tmp_path / "b.nrrd", 1)
    assert add_case(other, both, folder, label_names=table) == "case_0002"
    report = check_dataset(folder)
    assert report.errors == ()
    assert report.dataset.table.values_by_name == table.values_by_name
    with pytest.raises(InputError, match="the model: names different structures from"):
        add_case(image, both, folder, label_names=LabelTable.from_names(["left", "right"]))


def test_the_command(tmp_path: Path, write_volume: Callable, write_segmentation: Callable) -> None:
    image = scan(write_volume, tmp_path / "a.nrrd", 0)
    labels = write_segmentation(tmp_path / "a.seg.nrrd", labels_of(), NAMES)
    command = ["dataset", "add", str(image), str(labels), "--to", str(tmp_path / "mine")]
    result = CliRunner().invoke(app, [*command, "--corrected", "left", "--unsure", "right"])
    assert result.exit_code == 0, result.output
    assert "added as case_0001" in result.output
