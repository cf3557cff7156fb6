import json
import os
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError
from amcnet.io import Geometry, Reading, read_labels, write_image, write_labels
from amcnet.io.predicted_dice import PredictedDice
from amcnet.measurement import measure_structures
from amcnet.quality import Severity
from amcnet.viewer import ViewerScene, page_resources, read_scene
from amcnet.workflows.check_files import check_file

HAND = hand_label_table()


def test_the_list_holds_all_with_their_sizes_and_verdicts(
    hand_case, hand_scene: ViewerScene
) -> None:
    labels = read_labels(hand_case.labels, HAND)
    sizes = measure_structures(labels.array, labels.spacing_mm, HAND)
    verdict = check_file(hand_case.labels, hand_case.volume)
    data = json.loads(page_resources(hand_scene)["scene.json"].body)
    rows = data["structures"]
    assert [row["name"] for row in rows] == [structure.name for structure in HAND]
    for row, size in zip(rows, sizes, strict=True):
        assert row["present"] == size.present
        assert row["severity"] == str(verdict.severity_of(size.label))
        assert row["is_doubtful"] == (verdict.severity_of(size.label) > Severity.OK)
        for key in ("length_mm", "width_mm", "thickness_mm", "volume_mm3", "surface_area_mm2"):
            assert row[key] == pytest.approx(getattr(size, key)), (row["name"], key)
    assert data["verdict"]["severity"] == str(verdict.verdict)
    assert any(row["is_doubtful"] for row in rows)
    assert not all(row["is_doubtful"] for row in rows)


def test_the_place_to_look_at_lies_in_the_structure(hand_case, hand_scene: ViewerScene) -> None:
    assert hand_scene.labelled is not None
    back = np.linalg.inv(hand_scene.grid.affine)
    for one in hand_scene.labelled.structures:
        if one.near is None:
            assert one.focus_mm is not None
            index = np.rint(back @ [*one.focus_mm, 1])[:3].astype(int)[::-1]
            assert hand_case.voxels[tuple(index)] == one.structure.value
        else:
            assert not one.measurement.present
            assert one.near in {HAND[value].name for value in one.structure.neighbours}


def test_no_folder_is_named(hand_case, hand_scene: ViewerScene) -> None:
    for resource in page_resources(hand_scene).values():
        assert str(hand_case.volume.parent).encode() not in resource.body


def test_a_volume_alone(hand_case) -> None:
    resources = page_resources(read_scene(hand_case.volume))
    data = json.loads(resources["scene.json"].body)
    assert data["labels"] is None
    assert data["structures"] == []
    assert "labels.nii" not in resources


def test_a_second_segmentation_is_compared_structure_by_structure(
    hand_case, hand_scene: ViewerScene, tmp_path: Path
) -> None:
    labels = read_labels(hand_case.labels, HAND)
    other = np.roll(labels.array, 1, axis=0)
    other[other == 5] = 0
    write_labels(tmp_path / "other.seg.nrrd", other, labels.geometry, HAND)
    scene = read_scene(hand_case.volume, hand_case.labels, compared=tmp_path / "other.seg.nrrd")
    resources = page_resources(scene)
    data = json.loads(resources["scene.json"].body)
    assert data["compared"]["name"] == "other.seg.nrrd"
    assert len(resources["compared.nii"].body) == len(resources["labels.nii"].body)
    for row in data["structures"]:
        one, two = labels.array == row["label"], other == row["label"]
        both, total = (one & two).sum(), one.sum() + two.sum()
        dice = row["compared"]["dice"]
        assert dice == (pytest.approx(2 * both / total) if total else None), row["name"]
    assert data["structures"][4]["compared"] | {"dice": 0.0} == data["structures"][4]["compared"]
    assert not data["structures"][4]["compared"]["present"]


def test_structures_have_the_names_that_their_file_gives(hand_case, tmp_path: Path) -> None:
    geometry = read_labels(hand_case.labels, HAND).geometry
    labels = np.minimum(hand_case.voxels, 2).astype(np.uint8)
    table = LabelTable.from_names(["hippocampus", "amygdala"])
    write_labels(tmp_path / "own.seg.nrrd", labels, geometry, table)
    scene = read_scene(hand_case.volume, tmp_path / "own.seg.nrrd")
    rows = json.loads(page_resources(scene)["scene.json"].body)["structures"]
    assert [row["name"] for row in rows] == ["hippocampus", "amygdala"]
    write_labels(tmp_path / "own.nrrd", labels, geometry, table)
    with pytest.raises(InputError, match="--labels"):
        read_scene(hand_case.volume, tmp_path / "own.nrrd")


def test_a_voxel_size_can_be_given_and_a_doubtful_one_is_told(tmp_path: Path) -> None:
    """Many converters leave 1 x 1 x 1 mm in volume and labels alike."""
    shape = (70, 64, 43)
    geometry = Geometry.canonical(shape, (1.0, 1.0, 1.0))
    labels = np.zeros(shape, np.uint8)
    labels[20:40, 20:25, 10:15] = 11
    write_image(tmp_path / "scan.nrrd", labels * 9, geometry)
    write_labels(tmp_path / "scan.seg.nrrd", labels, geometry, HAND)
    files = tmp_path / "scan.nrrd", tmp_path / "scan.seg.nrrd"
    data = json.loads(page_resources(read_scene(*files))["scene.json"].body)
    assert "1 x 1 x 1 mm" in data["doubt"]
    scene = read_scene(*files, reading=Reading((2.0, 1.5, 1.25)))
    data = json.loads(page_resources(scene)["scene.json"].body)
    assert data["doubt"] is None
    assert data["full_spacing_mm"] == [2.0, 1.5, 1.25]
    volume_mm3 = 20 * 5 * 5 * 2.0 * 1.5 * 1.25
    assert data["structures"][10]["volume_mm3"] == pytest.approx(volume_mm3)


def test_a_comparison_needs_labels(hand_case) -> None:
    with pytest.raises(InputError, match="no labels to compare with"):
        read_scene(hand_case.volume, compared=hand_case.labels)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("place", ["volume", "labels", "compared"])
@pytest.mark.timeout(60)
def test_a_fifo_is_refused_and_not_waited_for(hand_case, tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe.nrrd")
    files = {"volume": hand_case.volume, "labels": hand_case.labels, "compared": hand_case.labels}
    with pytest.raises(InputError, match=r"pipe\.nrrd"):
        read_scene(**(files | {place: tmp_path / "pipe.nrrd"}))


def test_labels_of_another_grid_are_refused(hand_case, tmp_path: Path) -> None:
    other = tmp_path / "other.seg.nrrd"
    grid = Geometry.canonical((9, 9, 9), (1, 1, 1))
    write_labels(other, np.ones((9, 9, 9), np.uint8), grid, HAND)
    with pytest.raises(
        InputError, match=r"other\.seg\.nrrd: image and labels lie on different grids"
    ):
        read_scene(hand_case.volume, other)


def test_predictions_of_the_file_are_in_the_list(hand_case, tmp_path: Path) -> None:
    labels = read_labels(hand_case.labels, HAND)
    predicted = PredictedDice({5: 0.42, 6: 0.91}, named_below=0.55)
    path = tmp_path / "scan.seg.nrrd"
    write_labels(path, labels.array, labels.geometry, HAND, predicted=predicted)
    data = json.loads(page_resources(read_scene(hand_case.volume, path))["scene.json"].body)
    rows = {row["label"]: row for row in data["structures"]}
    assert (rows[5]["predicted_dice"], rows[6]["predicted_dice"]) == (0.42, 0.91)
    assert rows[7]["predicted_dice"] is None
    assert rows[5]["is_doubtful"]
    assert any("predicted Dice 0.42" in text for text in rows[5]["messages"])
