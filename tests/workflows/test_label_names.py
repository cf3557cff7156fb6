import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import default_bundle_folder
from amcnet.data import LabelNames, write_label_file
from amcnet.errors import InputError, ModelError
from amcnet.io import Geometry, Reading, write_image, write_labels
from amcnet.labelmaps.selection import find_structures
from amcnet.quality import Severity
from amcnet.workflows.check_files import check_file
from amcnet.workflows.evaluate.files import evaluate_files
from amcnet.workflows.label_names import find_label_table, names_of_files
from amcnet.workflows.measure import measure_files
from amcnet.workflows.output_files import write_json


def write_case(path: Path, labels: np.ndarray, spacing_mm: tuple[float, float, float]) -> Path:
    write_labels(path, labels, Geometry.canonical(labels.shape, spacing_mm), hand_label_table())
    return path


@pytest.fixture
def labels() -> np.ndarray:
    volume = np.zeros((8, 9, 10), np.uint8)
    volume[2:6, 2:6, 2:6] = 14
    return volume


def test_json_output(tmp_path: Path, labels: np.ndarray) -> None:
    path = write_case(tmp_path / "a.nrrd", labels, (1, 1, 1))
    target = tmp_path / "scores.json"
    write_json(target, evaluate_files(path, path, hand_label_table()).to_json())
    assert json.loads(target.read_text())["summary"]["dice_macro"] == 1


def test_label_tables_by_data_set_and_by_model(
    tmp_path: Path, models_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = {"labels": {"background": 0, "liver": 1, "spleen": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    assert [s.name for s in find_label_table(tmp_path / "dataset.json")] == ["liver", "spleen"]
    hand = default_bundle_folder()
    for source in ("hand", hand, str(hand), hand / "model.json"):
        assert find_label_table(source) == hand_label_table()
    monkeypatch.chdir(tmp_path)
    # A file is what it says, even where a model has that name.
    (tmp_path / "hand").write_text(json.dumps(description))
    assert len(find_label_table("hand")) == 2
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        find_label_table("none.json")
    with pytest.raises(ModelError, match=r"model\.json: no such file"):
        find_label_table(tmp_path)


ORGANS = LabelTable.from_names(["Liver", "Spleen"])
SPACING_MM = (1.0, 1.0, 1.0)


def organs(path: Path, table: LabelTable = ORGANS, swap: bool = False) -> Path:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[1:4, 1:5, 1:5], labels[5:7, 1:5, 1:5] = (2, 1) if swap else (1, 2)
    write_labels(path, labels, Geometry.canonical(labels.shape, SPACING_MM), table)
    return path


def names(*paths: Path) -> list[str]:
    return [structure.name for structure in names_of_files(paths).table]


def test_segments_keep_their_own_names(tmp_path: Path) -> None:
    path = organs(tmp_path / "a.seg.nrrd")
    assert names(path) == ["Liver", "Spleen"]
    (outcome,) = measure_files([path])
    assert outcome.result is not None
    assert [m.name for m in outcome.result.measurements] == ["Liver", "Spleen"]
    report = check_file(path)
    assert (report.verdict, report.is_no_hand) == (Severity.OK, False)


def test_a_hand_is_known_by_its_names_and_by_most_of_its_bones(tmp_path: Path) -> None:
    labels = np.zeros((8, 9, 40), np.uint8)
    labels[4, 4, :39] = np.arange(39)
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    for name in ("a.seg.nrrd", "a.nii.gz"):
        write_labels(tmp_path / name, labels, geometry, hand_label_table())
        assert names_of_files([tmp_path / name]).table == hand_label_table()
    write_labels(tmp_path / "b.seg.nrrd", labels * (labels == 14), geometry, hand_label_table())
    assert names_of_files([tmp_path / "b.seg.nrrd"]).table == hand_label_table()


def test_values_without_names_are_not_taken_for_a_hand(tmp_path: Path) -> None:
    path = organs(tmp_path / "a.nii.gz")
    (outcome,) = measure_files([path])
    assert "expected --labels" in (outcome.error or "")
    for refused in (lambda: check_file(path), lambda: evaluate_files(path, path)):
        with pytest.raises(InputError, match=r"a\.nii\.gz: does not say .* expected --labels"):
            refused()
    assert evaluate_files(path, path, ORGANS).summary["dice_macro"] == 1


@pytest.mark.parametrize("name", ["dataset.json", "a.txt", "a.label"])
def test_a_description_beside_the_file_names_its_values(tmp_path: Path, name: str) -> None:
    path = organs(tmp_path / "a.nii.gz")
    write_label_file(tmp_path / "names.json" if name.endswith("json") else tmp_path / name,
                     LabelNames(ORGANS))  # fmt: skip
    if name.endswith("json"):
        (tmp_path / "names.json").rename(tmp_path / name)
    assert names(path) == ["Liver", "Spleen"]


def test_segments_of_two_files_are_matched_by_name(tmp_path: Path) -> None:
    other = LabelTable.from_names(["Spleen", "Liver"])
    one = organs(tmp_path / "one.seg.nrrd")
    two = organs(tmp_path / "two.seg.nrrd", other, swap=True)
    case = evaluate_files(one, two)
    assert [s.name for s in case.structures] == ["Liver", "Spleen"]
    assert case.summary["dice_macro"] == 1
    plain = organs(tmp_path / "plain.nii.gz")
    assert evaluate_files(plain, one).summary["dice_macro"] == 1


def test_an_image_is_called_an_image(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 200, (8, 9, 10)).astype(np.uint8)
    path = tmp_path / "scan.nrrd"
    write_image(path, image, Geometry.canonical(image.shape, SPACING_MM))
    (outcome,) = measure_files([path])
    assert "is an image" in (outcome.error or "")
    for table in (None, hand_label_table()):
        with pytest.raises(InputError, match=r"is an image .*expected a label map"):
            check_file(path, names=None if table is None else LabelNames(table))


def test_a_cropped_segmentation_is_checked_with_its_image(tmp_path: Path) -> None:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:5, 3:6, 4:7] = 1
    image = np.random.default_rng(0).integers(0, 200, labels.shape).astype(np.uint8)
    whole = Geometry.canonical(labels.shape, SPACING_MM)
    write_image(tmp_path / "scan.nrrd", image, whole)
    part = replace(Geometry.canonical((3, 3, 3), SPACING_MM), origin_mm=(4.0, 3.0, 2.0))
    write_labels(tmp_path / "part.seg.nrrd", labels[2:5, 3:6, 4:7], part, ORGANS)
    write_labels(tmp_path / "whole.seg.nrrd", labels, whole, ORGANS)
    of_part, of_whole = (
        check_file(tmp_path / f"{name}.seg.nrrd", tmp_path / "scan.nrrd")
        for name in ("part", "whole")
    )
    assert of_part == of_whole


def test_a_description_beside_in_another_encoding_is_named(tmp_path: Path) -> None:
    labels = np.ones((2, 3, 4), np.uint8)
    path = tmp_path / "a.nii.gz"
    write_labels(path, labels, Geometry.canonical((2, 3, 4), (1.0, 1.0, 1.0)), hand_label_table())
    row = '1 255 0 0 1 1 1 "Wirbelk\u00f6rper"\n'
    (tmp_path / "a.txt").write_bytes(row.encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.txt: is not UTF-8 text"):
        check_file(path)
    (tmp_path / "a.txt").write_text(row, encoding="utf-8")
    assert [s.name for s in names_of_files([path]).table] == ["Wirbelk\u00f6rper"]


@pytest.mark.parametrize(
    ("spacing_mm", "is_doubtful"),
    [((1.0, 1.0, 1.0), True), ((279.0, 130.0, 88.0), True), ((0.279, 0.13, 0.088), False)],
)
def test_a_doubtful_voxel_size_of_labels_is_reported(
    tmp_path: Path,
    spacing_mm: tuple[float, float, float],
    is_doubtful: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sizes in mm are of no use then; a cropped segmentation may be as small as it is."""
    labels = np.ones((20, 30, 40), np.uint8)
    path = tmp_path / "a.seg.nrrd"
    write_labels(path, labels, Geometry.canonical(labels.shape, spacing_mm), hand_label_table())
    (outcome,) = measure_files([path])
    assert outcome.result is not None
    assert any("pass the voxel size" in text for text in caplog.messages) == is_doubtful
    caplog.clear()
    list(measure_files([path], reading=Reading(spacing_mm)))
    assert not caplog.messages


def test_other_body_parts_may_have_voxels_of_1_mm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.seg.nrrd"
    geometry = Geometry.canonical((20, 30, 40), (1.0, 1.0, 1.0))
    write_labels(path, np.ones((20, 30, 40), np.uint8), geometry, ORGANS)
    list(measure_files([path]))
    assert not caplog.messages


def test_structure_names_from_macos_and_from_other_systems(tmp_path: Path) -> None:
    """An umlaut may be one character, or a letter and a combining diaeresis."""
    one, two = "Wirbelk\xf6rper", "Wirbelko\N{COMBINING DIAERESIS}rper"
    first = organs(tmp_path / "a.seg.nrrd", LabelTable.from_names([one, "Rippe"]))
    second = organs(tmp_path / "b.seg.nrrd", LabelTable.from_names(["Rippe", two]), swap=True)
    assert names(first, second) == [one, "Rippe"]
    result = evaluate_files(first, second)
    assert {row["name"]: row["dice"] for row in result.to_rows()} == {one: 1, "Rippe": 1}
    assert find_structures(LabelTable.from_names([one, "Rippe"]), [two]) == (1,)
