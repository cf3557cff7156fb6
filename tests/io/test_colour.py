import logging
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.errors import InputError
from amcnet.inference.sources import as_volume
from amcnet.io import Reading, read_labels, read_volume, volume_from_image

SHAPE = (4, 5, 6)


def colours(channels: int = 3) -> np.ndarray:
    """A grey volume with one red line and, of four channels, an opacity that varies."""
    rng = np.random.default_rng(3)
    rgb = np.repeat(rng.integers(0, 255, SHAPE, np.uint8)[..., None], 3, axis=-1)
    rgb[1, 2] = (200, 10, 30)
    opacity = rng.integers(0, 255, (*SHAPE, channels - 3), np.uint8)
    return np.concatenate([rgb, opacity], axis=-1)


def luma_of(rgb: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, in floats."""
    return np.floor(rgb[..., :3] @ np.array([0.299, 0.587, 0.114]) + 0.5 + 1e-9)


def write(path: Path, channels: int = 3) -> Path:
    if path.name.endswith((".nii", ".nii.gz")):
        names = "rgba"[:channels]
        kind = np.dtype([(name.upper(), "u1") for name in names])
        stored = np.ascontiguousarray(colours(channels).transpose(2, 1, 0, 3)).view(kind)[..., 0]
        nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(colours(channels), isVector=True), str(path))
    return path


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("extension", [".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz"])
def test_luma_of_every_format(
    tmp_path: Path, extension: str, channels: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / f"scan{extension}", channels)
    volume = read_volume(path, "depth,lateral,scan")
    assert volume.array.dtype == np.uint8
    assert volume.array.flags.c_contiguous
    np.testing.assert_array_equal(volume.array, luma_of(colours(channels)))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{path}: 6 voxels had colour, their luma is used")
    with pytest.raises(
        InputError, match=r"scan.*: found colours in 6 voxels, expected a grey image"
    ):
        read_volume(path, colour="refuse")
    with pytest.raises(InputError, match="found colours in 6 voxels"):
        read_labels(path)


def test_an_opacity_is_no_colour(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = colours(4)
    array[1, 2, :, :3] = 7
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), str(tmp_path / "a.mha"))
    volume = read_volume(tmp_path / "a.mha", colour="refuse")
    np.testing.assert_array_equal(volume.array, array[..., 0])
    assert not caplog.records


def test_images_in_memory() -> None:
    image = sitk.GetImageFromArray(colours(), isVector=True)
    np.testing.assert_array_equal(volume_from_image(image).array, luma_of(colours()))
    with pytest.raises(InputError, match="found colours in 6 voxels"):
        as_volume(image, Reading(colour="refuse"))


@pytest.mark.parametrize(("kind", "channels"), [(np.float32, 3), (np.int16, 3), (np.uint8, 2)])
def test_vectors_are_no_colours(tmp_path: Path, kind: type, channels: int) -> None:
    array = np.arange(120 * channels).reshape(*SHAPE, channels) % 250
    image = sitk.GetImageFromArray(array.astype(kind), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    with pytest.raises(InputError, match=f"{channels} different channels, expected a grey image"):
        read_volume(tmp_path / "a.mha")


def test_only_two_choices(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mha")
    with pytest.raises(InputError, match="colour is 'grey', expected 'luma' or 'refuse'"):
        read_volume(path, colour="grey")  # type: ignore[arg-type]
