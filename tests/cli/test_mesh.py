from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import ConfigError, InputError
from amcnet.io import Geometry, write_labels

SPACING_MM = (0.5, 0.4, 0.25)


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    labels = np.zeros((30, 24, 24), np.uint8)
    labels[2:22, 4:20, 8:16] = 1
    labels[24:27, 8:16, 8:16] = 2
    path = tmp_path / "hand.seg.nrrd"
    write_labels(path, labels, Geometry.canonical(labels.shape, SPACING_MM), hand_label_table())
    return path


def mesh(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["mesh", *map(str, arguments)])


def test_a_folder_of_stl(hand: Path, tmp_path: Path) -> None:
    done = mesh(hand, "-o", tmp_path / "out", "--smooth", "none")
    assert done.exit_code == 0, done.output
    assert ": 2 surfaces, " in done.stdout
    file = tmp_path / "out" / "distal_phalanx_of_thumb.stl"
    corners = np.frombuffer(
        file.read_bytes()[84:], np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    )["c"]
    # The outer faces of its voxels; x, y, z are depth, lateral, scan.
    assert corners.min(axis=(0, 1)) == pytest.approx([7.5 * 0.25, 3.5 * 0.4, 1.5 * 0.5])
    assert corners.max(axis=(0, 1)) == pytest.approx([15.5 * 0.25, 19.5 * 0.4, 21.5 * 0.5])
    assert (tmp_path / "out" / "epiphysis_of_distal_phalanx_of_thumb.stl").is_file()


def test_one_glb_of_some_structures(hand: Path, tmp_path: Path) -> None:
    done = mesh(hand, "-o", tmp_path / "all.glb", "--structures", "epiphyses", "--smooth", "0.3")
    assert done.exit_code == 0, done.output
    assert ": 1 surface, " in done.stdout
    content = (tmp_path / "all.glb").read_bytes()
    assert b'"name":"epiphysis of distal phalanx of thumb"' in content


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--smooth", "-1"], ConfigError, "expected a length in mm or none"),
        (["--smooth", "much"], ConfigError, "expected a length in mm or none"),
        (["--structures", "toe"], InputError, "'toe' is not in the label table"),
        (["--structures", "little finger"], InputError, "none of the structures has voxels"),
    ],
)
def test_what_is_wrong_is_said(hand: Path, tmp_path: Path, arguments, error, message) -> None:
    done = mesh(hand, "-o", tmp_path / "out", *arguments)
    assert isinstance(done.exception, error)
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()
