from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError
from amcnet.io import Geometry, write_labels
from amcnet.metrics import evaluate_case
from amcnet.workflows.evaluate.files import evaluate_files
from amcnet.workflows.evaluate.pairs import find_pairs

SPACING_MM = (0.5, 0.4, 0.3)


@pytest.fixture
def labels() -> np.ndarray:
    volume = np.zeros((8, 9, 10), np.uint8)
    volume[2:6, 2:6, 2:6] = 14
    volume[6, 7, 8] = 3
    return volume


def write(path: Path, labels: np.ndarray, geometry: Geometry | None = None) -> Path:
    geometry = geometry or Geometry.canonical(labels.shape, SPACING_MM)
    write_labels(path, labels, geometry, hand_label_table())
    return path


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_formats_and_names(tmp_path: Path, labels: np.ndarray) -> None:
    first = write(tmp_path / "a.seg.nrrd", labels)
    second = write(tmp_path / "b.nii.gz", labels)
    row = evaluate_files(first, second).to_rows()[13]
    assert (row["name"], row["dice"], row["hd95_mm"]) == ("second metacarpal bone", 1.0, 0.0)


@pytest.mark.parametrize("cropped", ["reference", "prediction"])
def test_a_cropped_slicer_segmentation_counts_as_whole(
    tmp_path: Path, labels: np.ndarray, cropped: str
) -> None:
    moved = np.roll(labels, 1, 1)
    # The scan axis is the file's z, the depth its x.
    origin_mm = tuple(float(n * s) for n, s in zip((1, 2, 2), SPACING_MM[::-1], strict=True))
    part = labels[2:, 2:, 1:]
    grid = replace(Geometry.canonical(part.shape, SPACING_MM), origin_mm=origin_mm)
    small = write(tmp_path / "small.seg.nrrd", part, grid)
    whole = write(tmp_path / "whole.nii.gz", moved)
    table = hand_label_table()
    if cropped == "reference":
        result = evaluate_files(small, whole).to_json()
        expected = evaluate_case(labels, moved, SPACING_MM, 39, table).to_json()
    else:
        result = evaluate_files(whole, small).to_json()
        expected = evaluate_case(moved, labels, SPACING_MM, 39, table).to_json()
    assert result["structures"][13]["dice"] == pytest.approx(0.75)
    for one, other in zip(result["structures"], expected["structures"], strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_no_prediction_is_background_alone(tmp_path: Path, labels: np.ndarray) -> None:
    summary = evaluate_files(write(tmp_path / "a.seg.nrrd", labels), None).summary
    assert (summary["structures_present"], summary["structures_missed"]) == (2, 2)
    assert summary["dice_macro"] == 0


def test_pairs_by_name(tmp_path: Path) -> None:
    names = ("a.nii.gz", "b.nrrd", "c_label.nrrd", "d.nii.gz", "E.mha", "f.nrrd", ".hidden.nrrd")
    references = touch(tmp_path / "labelsTr", *names)
    judged = ("a.seg.nrrd", "a_seg.nrrd", "b_0000.seg.nrrd", "c.nii.gz", "e-seg.nrrd", "g.nrrd")
    predictions = touch(tmp_path / "predictions", *judged, "d.probabilities.npy", "plans.json")
    found = find_pairs(references, predictions)
    assert {
        pair.reference.name: pair.prediction and pair.prediction.name for pair in found.pairs
    } == {
        "a.nii.gz": "a.seg.nrrd",
        "b.nrrd": "b_0000.seg.nrrd",
        "c_label.nrrd": "c.nii.gz",
        "d.nii.gz": None,
        "E.mha": "e-seg.nrrd",
        "f.nrrd": None,
    }
    assert [pair.name for pair in found.pairs] == ["E", "a", "b", "c_label", "d", "f"]
    assert [path.name for path in found.unmatched] == ["a_seg.nrrd", "g.nrrd"]
    assert not found.ambiguous


def test_pairs_that_are_ambiguous_are_none(tmp_path: Path) -> None:
    references = touch(
        tmp_path / "r", "a.nrrd", "b.nrrd", "b.nii.gz", "c.nrrd", "d-seg.nrrd", "D.nrrd"
    )
    predictions = touch(
        tmp_path / "p", "a.nrrd", "a.nii.gz", "b.nrrd", "c_seg.mha", "c_0000.mha", "d.nrrd"
    )
    found = find_pairs(references, predictions)
    assert found.pairs == ()
    assert set(found.ambiguous) == {"a", "b", "c", "d-seg", "D"}
    assert "has a.nii.gz and a.nrrd for 'a', expected one" in found.ambiguous["a"]
    assert str(references) in found.ambiguous["b"]
    assert "d.nrrd: matches 2 references, 'D' among them" in found.ambiguous["D"]
    assert "has c_0000.mha and c_seg.mha for 'c'" in found.ambiguous["c"]
    assert found.unmatched == ()


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "raw" / "labelsTr").mkdir(parents=True)
    predictions = touch(tmp_path / "p", "a.nrrd")
    with pytest.raises(InputError, match=r"raw: holds no label files.*did you mean .*labelsTr\?"):
        find_pairs(tmp_path / "raw", predictions)
    with pytest.raises(InputError, match=r"none: is not a folder"):
        find_pairs(predictions, tmp_path / "none")


def test_every_type_that_can_be_read_is_found_in_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 1, 1] = 1
    for folder in ("truth", "judged"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.nrrd", labels)
        image = sitk.ReadImage(str(tmp_path / folder / "a.nrrd"))
        for name in ("b.mhd", "c.nhdr", "D.MHA"):
            sitk.WriteImage(image, str(tmp_path / folder / name))
    (tmp_path / "truth" / "e.gipl").write_bytes(b"")
    found = find_pairs(tmp_path / "truth", tmp_path / "judged")
    assert [pair.name for pair in found.pairs] == ["D", "a", "b", "c"]
    assert all(pair.prediction is not None for pair in found.pairs)
    assert f"{tmp_path / 'truth'}: skipped e.gipl, expected files" in caplog.text


def test_names_from_macos_and_from_other_systems(tmp_path: Path) -> None:
    """macOS stores an umlaut as two characters: a letter and a combining diaeresis."""
    truths = touch(tmp_path / "truth", "M\xfcller.nii.gz")
    found = touch(tmp_path / "found", "Mu\N{COMBINING DIAERESIS}ller.seg.nrrd")
    (pair,) = find_pairs(truths, found).pairs
    assert pair.prediction is not None
    assert pair.prediction.parent == found
