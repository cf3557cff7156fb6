from pathlib import Path

import pytest

from amcnet.errors import OutputError
from amcnet.inference.batch import plan_outputs


def test_one_file(tmp_path: Path) -> None:
    pairs = plan_outputs([tmp_path / "a.mha"], tmp_path / "b.nii.gz")
    assert pairs == [(tmp_path / "a.mha", tmp_path / "b.nii.gz")]


def test_folder_gets_one_segmentation_each(tmp_path: Path) -> None:
    pairs = plan_outputs([Path("x/a.nii.gz"), Path("y/b.v2.nrrd")], tmp_path)
    assert [target.name for _, target in pairs] == ["a.seg.nrrd", "b.v2.seg.nrrd"]


def test_refusals(tmp_path: Path) -> None:
    two = [tmp_path / "a.mha", tmp_path / "b.mha"]
    with pytest.raises(OutputError, match="expected one for 2 inputs"):
        plan_outputs(two, tmp_path / "out.nrrd")
    with pytest.raises(OutputError, match="would be written for both"):
        plan_outputs([tmp_path / "a.mha", tmp_path / "a.nrrd"], tmp_path)
    source = tmp_path / "c.nrrd"
    source.write_bytes(b"x")
    with pytest.raises(OutputError, match="is an input too"):
        plan_outputs([source], source, overwrite=True)


def test_no_input_is_replaced(tmp_path: Path) -> None:
    first, second = tmp_path / "x.nrrd", tmp_path / "x.seg.nrrd"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    with pytest.raises(OutputError, match=r"x\.seg\.nrrd: is an input too"):
        plan_outputs([first, second], tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="would be written for both"):
        plan_outputs([tmp_path / "A.mha", tmp_path / "a.mha"], tmp_path)
