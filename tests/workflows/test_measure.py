import csv
import json
import math

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError, OutputError
from amcnet.io import Geometry, write_labels
from amcnet.workflows.measure import find_label_files, measure_files
from amcnet.workflows.measurement_tables import write_file_measurements

BLOCKS = LabelTable.from_names(["left | block", "right block"])
SPACING_MM = (1.0, 0.8, 0.5)


@pytest.fixture
def labels():
    volume = np.zeros((8, 12, 14), np.uint8)
    volume[1:7, 2:5, 3:9] = 1
    return volume


@pytest.fixture
def folder(labels, tmp_path):
    """Two label files of which one stores the axes in another order, and one that is no image."""
    write_labels(tmp_path / "a.nrrd", labels, Geometry.canonical(labels.shape, SPACING_MM), BLOCKS)
    # x, y, z mean lateral, -scan, depth.
    direction = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    turned = Geometry.from_grid((12, 8, 14), (0.8, 1.0, 0.5), (0.0, 0.0, 0.0), direction)
    write_labels(tmp_path / "b.mha", labels, turned, BLOCKS)
    (tmp_path / "c.nrrd").write_bytes(b"no image")
    return tmp_path


def test_a_folder_is_its_segmentations_else_its_volumes(folder, labels):
    (folder / "notes.txt").write_text("")
    (folder / ".hidden.nrrd").write_bytes(b"")
    names = [path.name for path in find_label_files([folder, folder / "a.nrrd"])]
    assert names == ["a.nrrd", "b.mha", "c.nrrd"]
    geometry = Geometry.canonical(labels.shape, SPACING_MM)
    write_labels(folder / "d.seg.nrrd", labels, geometry, hand_label_table())
    assert find_label_files([folder]) == [folder / "d.seg.nrrd"]
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no volumes"):
        find_label_files([folder / "empty"])


def test_the_order_of_stored_axes_changes_nothing_and_a_bad_file_does_not_stop_the_rest(folder):
    a, b, c, missing = measure_files([*find_label_files([folder]), folder / "missing.nrrd"], BLOCKS)
    assert a.result.measurements == b.result.measurements
    assert a.result.spacing_mm == pytest.approx(SPACING_MM)
    block = a.result.measurements[0]
    assert (block.length_mm, block.width_mm, block.thickness_mm) == pytest.approx((6.0, 3.0, 2.4))
    assert c.result is None
    assert str(folder / "c.nrrd") in c.error
    assert "missing.nrrd: no such file" in missing.error


def test_tables_say_the_same(folder):
    results = list(measure_files(find_label_files([folder]), BLOCKS))
    for extension in ("csv", "json", "md"):
        write_file_measurements(folder / f"t.{extension}", results)
    with (folder / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    data = json.loads((folder / "t.json").read_text(encoding="utf-8"))
    head, _, *lines = (folder / "t.md").read_text(encoding="utf-8").splitlines()
    assert [(row["file"], row["present"]) for row in rows] == [
        (str(folder / name), present) for name in ("a.nrrd", "b.mha") for present in ("yes", "no")
    ]
    assert [file["file"] for file in data["files"]] == [
        str(folder / n) for n in ("a.nrrd", "b.mha")
    ]
    assert data["files"][0]["spacing_mm"] == pytest.approx(
        {"scan": 1, "lateral": 0.8, "depth": 0.5}
    )
    assert [(f["file"], f["error"]) for f in data["failed"]] == [
        (str(folder / "c.nrrd"), results[2].error)
    ]
    present, absent = data["files"][0]["structures"]
    assert float(rows[0]["length_mm"]) == pytest.approx(present["length_mm"], abs=1e-3)
    assert rows[1]["length_mm"] == rows[1]["surface_area_mm2"] == ""
    assert absent["length_mm"] is absent["centroid_scan_mm"] is None
    assert list(rows[0]) == ["file", *present] == head.strip("| ").split(" | ")
    assert "confidence" not in present
    assert "epiphysis_to_shaft_width_ratio" not in present
    assert len(lines) == 4
    assert "left \\| block" in lines[0]


def test_ratio_columns_are_there_for_the_hand_even_where_no_epiphysis_is(folder):
    results = list(measure_files([folder / "a.nrrd"], hand_label_table()))
    write_file_measurements(folder / "t.json", results)
    structures = json.loads((folder / "t.json").read_text())["files"][0]["structures"]
    assert structures[1]["bone"] == "distal phalanx of thumb"
    assert structures[1]["epiphysis_to_shaft_width_ratio"] is None
    assert "bone" not in structures[0]
    assert math.isclose(structures[0]["volume_mm3"], 6 * 3 * 6 * 0.4)


def test_tables_are_not_replaced_and_have_known_types(folder):
    results = list(measure_files([folder / "a.nrrd"], BLOCKS))
    write_file_measurements(folder / "t.csv", results)
    with pytest.raises(OutputError, match="already exists"):
        write_file_measurements(folder / "t.csv", results)
    write_file_measurements(folder / "t.csv", results, overwrite=True)
    with pytest.raises(OutputError, match=r"unknown file type '.xlsx'"):
        write_file_measurements(folder / "t.xlsx", results)
