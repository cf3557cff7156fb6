from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import InputError
from amcnet.io import Geometry, write_labels

SHAPE = (6, 8, 10)


def write(path: Path, voxels: int) -> None:
    path.parent.mkdir(exist_ok=True)
    labels = np.zeros(SHAPE, np.uint8)
    labels[2, 2, :voxels] = 5
    write_labels(path, labels, Geometry.canonical(SHAPE, (1.0, 1.0, 1.0)), hand_label_table())


def test_folders_are_paired_as_for_evaluate(tmp_path: Path) -> None:
    truth, judged, picture = tmp_path / "truth", tmp_path / "judged", tmp_path / "c.png"
    for name, voxels in (("a.nrrd", 3), ("b.nrrd", 4), ("c.nrrd", 5)):
        write(truth / name, voxels)
    write(judged / "a_seg.nii.gz", 3)
    write(judged / "b.seg.nrrd", 1)
    arguments = ["confusion", str(truth), str(judged), "-o", str(picture)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert f"{picture}: 2 pairs of files, 7 labelled voxels" in done.output
    assert "skipped: c: has no prediction" in done.output
    with Image.open(picture) as opened:
        assert min(opened.size) > 1000
    done = CliRunner().invoke(app, ["confusion", str(truth), str(picture), "-o", "x.png"])
    assert isinstance(done.exception, InputError)
    assert "is a file, expected a folder" in str(done.exception)


@pytest.mark.parametrize("cropped", ["a", "b"])
def test_a_cropped_segmentation_is_pasted(tmp_path: Path, cropped: str) -> None:
    write(tmp_path / "a.nrrd", 3)
    write(tmp_path / "b.nrrd", 3)
    labels = np.full((1, 1, 4), 5, np.uint8)
    small = Geometry.from_grid(
        (4, 1, 1), (1.0, 1.0, 1.0), (0.0, 2.0, 2.0), (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    )
    path = tmp_path / f"{cropped}.seg.nrrd"
    write_labels(path, labels, small, hand_label_table())
    other = tmp_path / ("b.nrrd" if cropped == "a" else "a.nrrd")
    pair = (path, other) if cropped == "a" else (other, path)
    done = CliRunner().invoke(app, ["confusion", *map(str, pair), "-o", str(tmp_path / "c.png")])
    assert done.exit_code == 0, done.output
    assert f"1 pair of files, {4 if cropped == 'a' else 3} labelled voxels" in done.output
