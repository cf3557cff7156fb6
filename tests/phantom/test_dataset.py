import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.errors import ConfigError, OutputError
from amcnet.phantom import Grid, make_phantom, write_dataset

GRID = Grid((60, 48, 24), (2.87, 2.8, 1.9))
FILES = {
    "dataset.json",
    *(f"imagesTr/hand_00000{i}_0000.nrrd" for i in (4, 5)),
    *(f"labelsTr/hand_00000{i}.nrrd" for i in (4, 5)),
    *(f"parameters/hand_00000{i}.json" for i in (4, 5)),
}


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("data") / "phantom"
    assert write_dataset(out, 2, 4, GRID) == ["hand_000004", "hand_000005"]
    return out


def test_layout_is_that_of_nnunet(written):
    assert set(digests(written)) == FILES
    description = json.loads((written / "dataset.json").read_text(encoding="utf-8"))
    assert description["channel_names"] == {"0": "ultrasound"}
    assert description["numTraining"] == 2
    assert description["file_ending"] == ".nrrd"
    names = {s.name: s.value for s in hand_label_table()}
    assert description["labels"] == {"background": 0, **names}


def test_files_hold_the_phantom_in_canonical_geometry(written):
    phantom = make_phantom(4, GRID)
    scan, lateral, depth = GRID.spacing_mm
    for name, array in (
        ("imagesTr/hand_000004_0000.nrrd", phantom.image),
        ("labelsTr/hand_000004.nrrd", phantom.labels),
    ):
        image = sitk.ReadImage(str(written / name))
        assert image.GetSize() == GRID.shape[::-1]
        assert image.GetSpacing() == pytest.approx((depth, lateral, scan))
        assert image.GetDirection() == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
        assert image.GetPixelID() == sitk.sitkUInt8
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)


def test_parameters_say_what_was_drawn(written):
    text = (written / "parameters" / "hand_000005.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(make_phantom(5, GRID).description()))


def test_number_of_processes_changes_no_byte(written, tmp_path):
    calls = []
    write_dataset(tmp_path / "two", 2, 4, GRID, 2, lambda done, total: calls.append((done, total)))
    assert digests(tmp_path / "two") == digests(written)
    assert calls == [(0, 2), (1, 2), (2, 2)]


def test_existing_case_is_not_made_again(tmp_path):
    out = tmp_path / "phantom"
    write_dataset(out, 1, 8, GRID)
    image = out / "imagesTr" / "hand_000008_0000.nrrd"
    image.write_bytes(b"kept")
    write_dataset(out, 2, 8, GRID)
    assert image.read_bytes() == b"kept"
    assert json.loads((out / "dataset.json").read_text())["numTraining"] == 2


@pytest.mark.parametrize(
    "lost",
    ["imagesTr/hand_000004_0000.nrrd", "labelsTr/hand_000004.nrrd", "parameters/hand_000004.json"],
)
def test_case_with_a_lost_file_is_made_again(written, tmp_path, lost):
    out = tmp_path / "phantom"
    write_dataset(out, 1, 4, GRID)
    (out / lost).unlink()
    write_dataset(out, 1, 4, GRID)
    assert digests(out)[lost] == digests(written)[lost]


@pytest.mark.parametrize(
    ("count", "seed", "jobs", "name"),
    [(0, 0, 1, "count"), (-3, 0, 1, "count"), (1, -1, 1, "seed"), (1, 0, 0, "jobs")],
)
def test_arguments_out_of_range_are_refused(tmp_path, count, seed, jobs, name):
    with pytest.raises(ConfigError, match=f"^{name}: found"):
        write_dataset(tmp_path / "phantom", count, seed, GRID, jobs)
    assert not (tmp_path / "phantom").exists()


def test_missing_parent_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="missing"):
        write_dataset(tmp_path / "missing" / "phantom", 1, 0, GRID)
    assert not (tmp_path / "missing").exists()


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "phantom").write_text("a file")
    with pytest.raises(OutputError, match="phantom"):
        write_dataset(tmp_path / "phantom", 1, 0, GRID)
    assert (tmp_path / "phantom").read_text() == "a file"


def test_other_grid_or_data_set_is_refused(written, tmp_path):
    with pytest.raises(OutputError, match=r"\[60, 48, 24\] voxels, expected \[61, 48, 24\]"):
        write_dataset(written, 1, 4, Grid((61, 48, 24), GRID.spacing_mm))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "dataset.json").write_text('{"name": "mine"}')
    with pytest.raises(OutputError, match="describes another data set"):
        write_dataset(tmp_path / "mine", 1, 4, GRID)
