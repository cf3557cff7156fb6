"""Predictions travel with a .seg.nrrd, until a structure is changed."""

from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.io import Geometry, read_labels, write_labels
from amcnet.io.predicted_dice import PredictedDice
from amcnet.io.predicted_dice_tags import read_predicted_dice
from amcnet.io.segment_list import parse_segments

HAND = hand_label_table()
PREDICTED = {3: 0.914, 7: 0.5, 8: 0.042}


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((12, 10, 8), np.uint8)
    labels[1:4, 2:5, 3:6], labels[5:8, 2:5, 3:6], labels[8:10, 2:5, 3:6] = 3, 7, 8
    return labels


def written(path: Path, labels: np.ndarray, predicted: dict[int, float]) -> Path:
    geometry = Geometry.canonical(labels.shape, (1.0, 0.8, 0.6))
    write_labels(path, labels, geometry, HAND, predicted=PredictedDice(predicted, 0.625))
    return path


def test_what_is_written_is_read(labels: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "a.seg.nrrd", labels, PREDICTED)
    back = read_labels(path, HAND).array
    assert np.array_equal(back, labels)
    assert read_predicted_dice(path, HAND, back) == PredictedDice(PREDICTED, 0.625)


def test_a_changed_structure_has_no_prediction_any_more(labels: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path / "a.seg.nrrd", labels, PREDICTED)
    changed = labels.copy()
    changed[1, 2, 3] = 0
    predicted = read_predicted_dice(path, HAND, changed)
    assert predicted is not None
    assert set(predicted.coefficients) == {7, 8}


def test_other_values_of_the_same_names_get_their_predictions(
    labels: np.ndarray, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.seg.nrrd", labels, PREDICTED)
    table = LabelTable.from_names([HAND[8].name, HAND[3].name])
    other = np.select([labels == 8, labels == 3], [1, 2]).astype(np.uint8)
    assert read_predicted_dice(path, table, other) == PredictedDice({1: 0.042, 2: 0.914}, 0.625)


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii.gz", "a.mha", "a.seg.nrrd"])
def test_files_without_predictions(labels: np.ndarray, tmp_path: Path, name: str) -> None:
    assert read_predicted_dice(written(tmp_path / name, labels, {}), HAND, labels) is None


@pytest.mark.parametrize(
    "text",
    [
        "0.9",
        "x of 27 voxels, named below 0.5",
        "nan of 27 voxels, named below 0.5",
        "1.7 of 27 voxels, named below 0.5",
        "-0.3 of 27 voxels, named below 0.5",
        "0.9 of 26 voxels, named below 0.5",
        "0.9 of 27 voxels",
        f"0.9 of {'9' * 40} voxels, named below 0.5",
    ],
)
def test_damaged_tags_are_no_predictions(labels: np.ndarray, tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "a.seg.nrrd", labels, {3: 0.9})
    content = path.read_bytes()
    tag = b"0.900 of 27 voxels, named below 0.625"
    assert tag in content
    path.write_bytes(content.replace(tag, text.encode()))
    assert read_predicted_dice(path, HAND, labels) is None


def test_codes_are_read_as_before(labels: np.ndarray, tmp_path: Path) -> None:
    nrrd = pytest.importorskip("nrrd")
    plain, tagged = (
        nrrd.read_header(str(written(tmp_path / f"{n}.seg.nrrd", labels, predicted)))
        for n, predicted in enumerate(({}, PREDICTED))
    )
    for one, other in zip(parse_segments(plain, 1), parse_segments(tagged, 1), strict=True):
        assert one.codes == other.codes
        assert one.name == other.name
