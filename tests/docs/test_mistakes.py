"""The messages on the page of common mistakes are those that the program gives."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from typer.testing import CliRunner

import amcnet
from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.errors import AmcnetError
from amcnet.io import Geometry, doubtful_spacing, write_image, write_labels

from .pages import ROOT

PAGE = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")
# Seen in tests of their own: they need a network, or a file of another program.
ELSEWHERE = {
    "no hand",  # tests/quality/test_no_hand.py
    "found no hand with its axes as they are stored, searching others",  # test_axes_search.py
    "tracked frames, expected a reconstructed volume",  # tests/io/test_metaimage_header.py
}


def messages() -> list[str]:
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+`[^|]*|none) \|", PAGE, flags=re.MULTILINE)
    return [row.split("`")[1] for row in rows if row != "none"]


def a_volume(path: Path, spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Path:
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 30)).astype(np.uint8)
    write_image(path, image, Geometry.canonical(image.shape, spacing_mm))
    return path


def some_labels(path: Path, spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Path:
    labels = np.zeros((40, 60, 30), np.uint8)
    labels[5:20, 5:20, 5:20] = 5
    write_labels(path, labels, Geometry.canonical(labels.shape, spacing_mm), hand_label_table())
    return path


def command_line_mistakes(folder: Path) -> dict[str, list[object]]:
    scan, hand = a_volume(folder / "scan.nrrd"), some_labels(folder / "hand.seg.nrrd")
    other = some_labels(folder / "other.nrrd", (2.0, 2.0, 1.0))
    plain = some_labels(folder / "plain.nii.gz")
    slice_2d, cut, empty = folder / "slice.nrrd", folder / "cut.nrrd", folder / "empty"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((20, 30), np.uint8)), str(slice_2d))
    cut.write_bytes(scan.read_bytes()[:3000])
    empty.mkdir()
    out = folder / "out.seg.nrrd"
    dataset = folder / "set"
    (dataset / "imagesTr").mkdir(parents=True)
    a_volume(dataset / "imagesTr" / "a_0000.nrrd")
    return {
        "expected a 3D image": ["segment", slice_2d, "-o", out],
        "truncated": ["segment", cut, "-o", out],
        "holds no images, expected files that end in": ["segment", empty, "-o", folder],
        "holds labels": ["segment", hand, "-o", out],
        "is an image": ["measure", scan],
        "already exists, use --overwrite to replace it": ["segment", scan, "-o", hand],
        "does not exist, create it first": ["segment", scan, "-o", folder / "no" / "a.nrrd"],
        "unknown file type": ["segment", scan, "-o", folder / "a.stl"],
        "does not lie on the grid of": ["evaluate", plain, other, "--labels", "hand"],
        "is neither a folder nor an installed model": [
            "segment", scan, "-o", out, "--model", "none"],
        "does not say what its label values mean, expected --labels": ["measure", plain],
        "is not in the label table": ["segment", scan, "-o", out, "--only", "index"],
        "nothing was written": ["prepare", dataset, "-o", folder / "prepared"],
        "expected a training configuration": ["train", dataset],
    }  # fmt: skip


def python_mistakes() -> dict[str, Callable[[], object]]:
    shape = (609, 400, 300)
    array = np.zeros((4, 4, 4), np.uint8)
    return {
        "the voxel size is 1 x 1 x 1 mm, as if none were stated": lambda: doubtful_spacing(
            Geometry.canonical(shape, (1.0, 1.0, 1.0))
        ),
        "as if they were in cm": lambda: doubtful_spacing(
            Geometry.canonical(shape, (0.02, 0.02, 0.02))
        ),
        "an array needs spacing_mm, expected (scan, lateral, depth) in mm": lambda: amcnet.segment(
            array
        ),
    }


def test_every_message_is_tried(tmp_path: Path) -> None:
    tried = {*command_line_mistakes(tmp_path), *python_mistakes(), *ELSEWHERE}
    assert sorted(messages()) == sorted(tried)


def test_commands_give_these_messages(tmp_path: Path) -> None:
    for message, arguments in command_line_mistakes(tmp_path).items():
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        said = str(result.exception) if result.exception else ""
        assert isinstance(result.exception, (AmcnetError, SystemExit)), message
        assert message in f"{said} {result.stderr}", arguments


@pytest.mark.parametrize("message", python_mistakes())
def test_python_gives_these_messages(message: str) -> None:
    try:
        said = str(python_mistakes()[message]())
    except AmcnetError as error:
        said = str(error)
    assert message in said
