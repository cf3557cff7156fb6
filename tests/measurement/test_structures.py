import csv

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.measurement import measure_structures
from amcnet.workflows.measurement_tables import write_measurements_csv

SPACING_MM = (0.5, 0.4, 0.25)
TABLE = LabelTable.from_names(["bone, long", "absent one", "cap"])


@pytest.fixture
def labels():
    volume = np.zeros((30, 20, 20), dtype=np.uint8)
    volume[2:22, 3:13, 4:12] = 1
    volume[25:27, 3:13, 4:12] = 3
    return volume


def test_boxes_are_measured_exactly(labels):
    bone, absent, cap = measure_structures(labels, SPACING_MM, TABLE)
    assert (bone.label, bone.name, bone.present, bone.voxels) == (1, "bone, long", True, 1600)
    assert bone.volume_mm3 == pytest.approx(1600 * 0.05)
    assert (bone.length_mm, bone.width_mm, bone.thickness_mm) == pytest.approx((10.0, 4.0, 2.0))
    assert bone.centroid_mm == pytest.approx((11.5 * 0.5, 7.5 * 0.4, 7.5 * 0.25))
    assert not absent.present
    assert absent.voxels == 0
    assert absent.length_mm is absent.volume_mm3 is absent.centroid_mm is None
    assert (cap.length_mm, cap.width_mm, cap.thickness_mm) == pytest.approx((4.0, 2.0, 1.0))


def test_oblique_cylinder_in_a_volume(labels):
    spacing = np.array([0.279, 0.26, 0.176])
    axis = np.array([0.8, 0.6, 0.0])
    grid = np.moveaxis(np.indices((90, 80, 50)), 0, -1) * spacing - np.array([12.0, 10.0, 4.0])
    along = grid @ axis
    across = np.linalg.norm(grid - along[..., None] * axis, axis=-1)
    volume = ((np.abs(along) <= 9.0) & (across <= 2.5)).astype(np.int32)
    measured = measure_structures(volume, spacing.tolist(), TABLE)[0]
    assert measured.length_mm == pytest.approx(18.0, rel=0.01)
    assert measured.width_mm == pytest.approx(5.0, abs=0.14)
    assert measured.thickness_mm == pytest.approx(5.0, abs=0.14)
    assert measured.volume_mm3 == pytest.approx(np.pi * 2.5**2 * 18.0, rel=0.01)
    assert measured.centroid_mm == pytest.approx((12.0, 10.0, 4.0), abs=0.03)


def test_ignored_voxels_are_background(labels):
    labels[2:4, 3:13, 4:12] = 200
    bone = measure_structures(labels, SPACING_MM, TABLE, ignore_value=200)[0]
    assert (bone.voxels, bone.length_mm) == (18 * 10 * 8, pytest.approx(9.0))
    with pytest.raises(InputError, match="ignore_value is 3, expected 4 or more"):
        measure_structures(labels, SPACING_MM, TABLE, ignore_value=3)


def test_confidence_is_passed_through(labels):
    measured = measure_structures(labels, SPACING_MM, TABLE, confidence={1: 0.9, 2: 0.1})
    assert [m.confidence for m in measured] == [0.9, 0.1, None]


def test_csv_leaves_cells_of_absent_structures_empty(labels, tmp_path):
    path = tmp_path / "sizes.csv"
    write_measurements_csv(path, measure_structures(labels, SPACING_MM, TABLE))
    with path.open(newline="", encoding="utf-8") as file:
        bone, absent, _ = csv.DictReader(file)
    assert bone["name"] == "bone, long"
    assert (bone["present"], bone["length_mm"], bone["centroid_scan_mm"]) == (
        "yes",
        "10.000",
        "5.750",
    )
    assert (absent["present"], absent["voxels"]) == ("no", "0")
    assert absent["length_mm"] == absent["centroid_depth_mm"] == absent["confidence"] == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["sizes.csv"]


@pytest.mark.parametrize(
    ("volume", "spacing_mm", "message"),
    [
        (np.full((2, 2, 2), 4), SPACING_MM, "label 4, expected 0 to 3"),
        (np.full((2, 2, 2), -1), SPACING_MM, "label -1, expected 0 to 3"),
        (np.zeros((2, 2)), SPACING_MM, "shape"),
        (np.zeros((2, 2, 2)), SPACING_MM, "float64"),
        (np.zeros((2, 2, 2), int), (1.0, 1.0, np.inf), "spacing_mm"),
    ],
)
def test_unusable_inputs_are_named(volume, spacing_mm, message):
    with pytest.raises(InputError, match=message):
        measure_structures(volume, spacing_mm, TABLE)
