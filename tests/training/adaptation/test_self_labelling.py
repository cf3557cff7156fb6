import logging
from pathlib import Path

import numpy as np
import pytest

from amcnet import segment
from amcnet.bundle import Bundle
from amcnet.bundle.locate import default_bundle_folder
from amcnet.data import read_dataset
from amcnet.errors import InputError
from amcnet.io import Geometry, read_labels, read_volume, write_image
from amcnet.training.adaptation.self_labelling import SelfLabelling, label_scans


def test_scans_get_the_labels_of_the_model(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    verdicts = label_scans(model.folder, scans, tmp_path / "set", SelfLabelling(sure=0))
    dataset = read_dataset(tmp_path / "set")
    assert dataset.table == model.description.label_table
    assert [v.scan for v in verdicts.scans] == [scan.name for scan in scans]
    assert not any(v.unsure for v in verdicts.scans)
    for scan, case in zip(scans, dataset.cases, strict=True):
        volume = read_volume(scan)
        np.testing.assert_array_equal(read_volume(case.images[0]).array, volume.array)
        expected = segment(scan, model=model.folder, quality="fast").labels
        found = read_labels(case.labels, dataset.table, ignore_value=dataset.ignore_value).array
        np.testing.assert_array_equal(found, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_unsure_structures_are_ignored(tmp_path: Path, model: Bundle, scans: list[Path]) -> None:
    own = label_scans(model.folder, scans[:1], tmp_path / "all", SelfLabelling(sure=0)).scans[0]
    assert (own.sure, own.unsure) == (2, ())
    doubted = label_scans(model.folder, scans[:1], tmp_path / "set", SelfLabelling(sure=1)).scans[0]
    assert (doubted.sure, doubted.unsure) == (0, ("left block", "right block"))
    dataset = read_dataset(tmp_path / "set")
    found = read_labels(
        dataset.cases[0].labels, dataset.table, ignore_value=dataset.ignore_value
    ).array
    assert set(np.unique(found).tolist()) == {0, dataset.ignore_value}


def test_a_scan_that_cannot_be_read_is_left_out(
    tmp_path: Path, model: Bundle, scans: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.nrrd"
    broken.write_text("no image")
    with caplog.at_level(logging.WARNING):
        verdicts = label_scans(
            model.folder, [broken, scans[0]], tmp_path / "set", SelfLabelling(sure=0)
        )
    assert [v.scan for v in verdicts.scans] == [scans[0].name]
    assert "broken.nrrd" in caplog.text
    assert "left out" in caplog.text


def test_without_a_usable_scan_there_is_nothing_to_learn(tmp_path: Path, model: Bundle) -> None:
    with pytest.raises(InputError, match="none of 1 scan could be read"):
        label_scans(model.folder, [tmp_path / "no.nrrd"], tmp_path / "set", SelfLabelling())


def test_a_scan_without_a_hand_is_bad_and_left_out(tmp_path: Path, speckle: np.ndarray) -> None:
    hand = default_bundle_folder()
    scan = tmp_path / "speckle.nrrd"
    write_image(scan, speckle, Geometry.canonical(speckle.shape, (4.0, 2.0, 1.0)))
    labelling = SelfLabelling(axes="scan,lateral,depth")
    (verdict,) = label_scans(hand, [scan], tmp_path / "set", labelling).scans
    assert (verdict.sure, verdict.implausible, verdict.expected_dice) == (0, 38, 0)
    assert not (tmp_path / "set").exists()


def test_the_same_scan_in_another_type_is_one_case(
    tmp_path: Path, model: Bundle, scans: list[Path]
) -> None:
    volume = read_volume(scans[0])
    write_image(tmp_path / "again.nrrd", volume.array.astype(np.int16), volume.geometry)
    both = [scans[0], tmp_path / "again.nrrd"]
    label_scans(model.folder, both, tmp_path / "set", SelfLabelling(sure=0))
    assert len(read_dataset(tmp_path / "set").cases) == 1


def test_axes_are_checked_before_any_file() -> None:
    SelfLabelling(axes="search").check_axes()
    SelfLabelling(axes="depth,lateral,-scan").check_axes()
    with pytest.raises(InputError, match="found 'up,down,left'"):
        SelfLabelling(axes="up,down,left").check_axes()
