"""Options that say how files are read, on every command that reads volumes."""

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import typer.main
from typer.testing import CliRunner, Result

from amcnet.anatomy import hand_label_table
from amcnet.cli.main import app
from amcnet.data.prepared_store import open_prepared
from amcnet.errors import InputError
from amcnet.io import Geometry, read_labels, read_volume, write_image, write_labels

SHAPE, SPACING_MM = (24, 40, 36), (0.5, 0.4, 0.25)
SIZES = ("--spacing", "0.5,0.4,0.25")
LABEL_COMMANDS = ("measure", "mesh", "evaluate", "confusion")
IMAGE_COMMANDS = ("segment", "prepare", "dataset add", "view", "check")


def options_of(command: str) -> set[str]:
    group: Any = typer.main.get_command(app)
    for name in command.split():
        group = group.commands[name]
    return {option for parameter in group.params for option in parameter.opts}


@pytest.mark.parametrize("command", [*LABEL_COMMANDS, *IMAGE_COMMANDS])
def test_every_command_takes_the_voxel_size_and_the_axes(command: str) -> None:
    assert {"--spacing", "--axes"} <= options_of(command)


@pytest.mark.parametrize("command", IMAGE_COMMANDS)
def test_every_command_that_reads_images_takes_colours(command: str) -> None:
    assert "--colour" in options_of(command)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def contradicting(path: Path, array: np.ndarray) -> Path:
    """Write a NIfTI file whose pixdim says 1 mm and whose sform says .25 x .4 x .5 mm."""
    affine = np.diag([0.25, 0.4, 0.5, 1.0])
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine)
    image.set_qform(None, 0)
    image.header["pixdim"][1:4] = 1
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())  # nibabel sets pixdim by the affine
    content[80:92] = np.ones(3, "<f4").tobytes()
    path.write_bytes(content)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    array = np.zeros(SHAPE, np.uint8)
    array[2:22, 4:20, 8:16] = 1
    return contradicting(tmp_path / "labels.nii", array)


@pytest.mark.parametrize("command", [*LABEL_COMMANDS, "check"])
def test_a_given_voxel_size_settles_a_contradiction(
    command: str, labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments: dict[str, tuple[object, ...]] = {
        "measure": (labels, "-o", out.with_suffix(".json")),
        "mesh": (labels, "-o", out),
        "evaluate": (labels, labels, "--json", out.with_suffix(".json")),
        "confusion": (labels, labels, "-o", out.with_suffix(".png")),
        "check": (labels, "--json", out.with_suffix(".json")),
    }
    command_line = (command, *arguments[command], "--labels", "hand")
    refused = run(*command_line)
    assert "pixdim says 1 x 1 x 1 mm but the sform 0.25 x 0.4 x 0.5 mm" in str(
        refused.exception if refused.exit_code == 1 else refused.output
    )
    done = run(*command_line, *SIZES)
    assert done.exit_code == 0, done.output
    if command in ("measure", "evaluate"):
        text = out.with_suffix(".json").read_text()
        assert "10.0" in text  # 20 slices of .5 mm


def test_names_are_asked_for_whatever_the_header_says(labels: Path) -> None:
    refused = run("measure", labels, *SIZES)
    assert refused.exit_code == 2
    assert "expected --labels" in refused.output


def dataset_of(blocks: Path, folder: Path) -> Path:
    """Copy a data set; the header of every file says 1 x 1 x 1 mm."""
    shutil.copytree(blocks, folder)
    for path in folder.glob("*Tr/*.nrrd"):
        image = sitk.ReadImage(str(path))
        image.SetSpacing((1.0, 1.0, 1.0))
        sitk.WriteImage(image, str(path))
    return folder


def test_prepare_takes_the_given_voxel_size(blocks: Path, tmp_path: Path) -> None:
    folder, out = dataset_of(blocks, tmp_path / "data"), tmp_path / "out"
    done = run("prepare", folder, "-o", out, "--spacing", "2,1.5,1")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "its header states voxels of 1 x 1 x 1 mm, the given size of 2 x 1.5 x 1 mm" in text
    assert open_prepared(out).preprocessing.spacing_mm == (2.0, 1.5, 1.0)
    whole = run("prepare", folder, "-o", tmp_path / "own", "--grid", "2,1.5,1")
    assert whole.exit_code == 0, whole.output
    (small, _), (large, _) = (
        open_prepared(where).cases[0].slab(0, 20) for where in (tmp_path / "own", out)
    )
    assert (small.shape[-2:], large.shape[-2:]) == ((16, 20), (24, 20))


def coloured(path: Path, array: np.ndarray) -> Path:
    """Write a scan in whose corner a caption is red."""
    rgb = np.repeat(array[..., None], 3, axis=-1)
    rgb[:, :2, :3] = (200, 0, 0)
    image = sitk.GetImageFromArray(rgb, isVector=True)
    image.SetSpacing(SPACING_MM[::-1])
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def scan(speckle: np.ndarray, tmp_path: Path) -> Path:
    return coloured(tmp_path / "scan.mha", speckle)


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    array = np.zeros(SHAPE, np.uint8)
    array[5:15, 10:25, 12:20] = 1
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    write_labels(tmp_path / "hand.seg.nrrd", array, geometry, hand_label_table())
    return tmp_path / "hand.seg.nrrd"


REFUSED = f"found colours in {24 * 2 * 3} voxels, expected a grey image"


def test_check_takes_or_refuses_colours(scan: Path, hand: Path) -> None:
    assert run("check", hand, "--image", scan).exit_code == 0
    refused = run("check", hand, "--image", scan, "--colour", "refuse")
    assert isinstance(refused.exception, InputError)
    assert str(refused.exception) == f"{scan}: {REFUSED}"


def test_segment_takes_or_refuses_colours(scan: Path, small_bundle: Path, tmp_path: Path) -> None:
    arguments = ("segment", scan, "-o", tmp_path / "out.nrrd", "--model", small_bundle)
    refused = run(*arguments, "--colour", "refuse")
    assert refused.exit_code == 2
    assert REFUSED in refused.output
    assert run(*arguments, "--axes", "depth,lateral,scan").exit_code == 0


def test_a_corrected_case_keeps_the_luma(scan: Path, hand: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    refused = run("dataset", "add", scan, hand, "--to", folder, "--colour", "refuse")
    assert isinstance(refused.exception, InputError)
    done = run("dataset", "add", scan, hand, "--to", folder)
    assert done.exit_code == 0, done.output
    kept = read_volume(folder / "imagesTr" / "case_0001_0000.nrrd").array
    np.testing.assert_array_equal(kept[:, :2, :3], round(200 * 0.299))


def test_prepare_takes_or_refuses_colours(blocks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(blocks, folder)
    image = folder / "imagesTr" / "b0_0000.nrrd"
    rgb = np.repeat(sitk.GetArrayFromImage(sitk.ReadImage(str(image)))[..., None], 3, axis=-1)
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    rgb[0, 0, 0] = (9, 8, 7)
    made = sitk.GetImageFromArray(rgb, isVector=True)
    made.CopyInformation(sitk.ReadImage(str(image)))
    sitk.WriteImage(made, str(image))
    refused = run("prepare", folder, "--check", "--colour", "refuse")
    assert isinstance(refused.exception, InputError)
    assert "found colours in 1 voxel," in " ".join(refused.output.split())
    assert run("prepare", folder, "--check").exit_code == 0


def test_a_corrected_case_has_the_given_voxel_size(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    placeholder = Geometry.canonical((2, 3, 4), (1.0, 1.0, 1.0))
    write_image(tmp_path / "scan.nrrd", array, placeholder)
    write_labels(tmp_path / "a.seg.nrrd", array % 3, placeholder, hand_label_table())
    files = (tmp_path / "scan.nrrd", tmp_path / "a.seg.nrrd")
    done = run("dataset", "add", *files, "--to", tmp_path / "data", *SIZES)
    assert done.exit_code == 0, done.output
    for path in (tmp_path / "data").glob("*Tr/*.nrrd"):
        assert read_volume(path).spacing_mm == pytest.approx(SPACING_MM)
    assert read_labels(tmp_path / "data" / "labelsTr" / "case_0001.nrrd").array.max() == 2
