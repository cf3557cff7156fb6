import gzip
import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.errors import InputError
from amcnet.io import (
    IMAGE_EXTENSIONS,
    Geometry,
    Volume,
    read_geometry,
    read_volume,
    volume_from_array,
    volume_from_image,
    write_image,
)

REAL = Path(__file__).parents[3] / "shared" / "real"
SHAPE = (12, 16, 20)
ALL = pytest.mark.parametrize(
    "extension", [one for one in IMAGE_EXTENSIONS if one not in (".dcm", ".dicom")]
)


def noise(dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, SHAPE).astype(dtype)


def make_image(array: np.ndarray | None = None, is_vector: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(noise() if array is None else array, isVector=is_vector)
    if image.GetDimension() == 3:
        image.SetSpacing((0.1, 0.2, 0.3))
    return image


def write(path: Path, image: sitk.Image | None = None, compress: bool = False) -> Path:
    sitk.WriteImage(image or make_image(), str(path), compress)
    return path


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(InputError, match=pattern) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    assert path.name.split(".")[0] in str(caught.value)


@ALL
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_reads_every_format(tmp_path: Path, extension: str, dtype: str) -> None:
    path = write(tmp_path / f"hand{extension}", make_image(noise(dtype)))
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert volume.array.flags.c_contiguous
    np.testing.assert_array_equal(volume.array, noise(dtype))
    assert volume.spacing_mm == pytest.approx((0.3, 0.2, 0.1))
    assert volume.path == path


@pytest.mark.parametrize("extension", [".nrrd", ".mha", ".NRRD", ".MHA", ".NII.GZ"])
def test_upper_case_and_compressed(tmp_path: Path, extension: str) -> None:
    lower = write(tmp_path / f"hand{extension.lower()}", compress=True)
    path = lower.rename(tmp_path / f"other{extension}")
    np.testing.assert_array_equal(read_volume(str(path)).array, noise())


def test_thin_volume_and_axes(tmp_path: Path) -> None:
    path = write(tmp_path / "thin.mha", make_image(noise()[:3]))
    assert read_volume(path).array.shape == (3, 16, 20)
    turned = read_volume(path, "scan,lateral,-depth")
    np.testing.assert_array_equal(turned.array, noise()[:3].transpose(2, 1, 0)[:, :, ::-1])
    with pytest.raises(InputError, match=r"thin\.mha: axes: found 'up'"):
        read_volume(path, "up")


def test_missing_folder_unknown_empty(tmp_path: Path) -> None:
    refused(tmp_path / "hand.mha", "no such file")
    folder = tmp_path / "folder.mha"
    folder.mkdir()
    refused(folder, "is a folder")
    text = tmp_path / "hand.txt"
    text.write_text("x")
    refused(text, r"unknown file type '\.txt', expected one of \.nrrd")


@ALL
def test_empty_and_garbage(tmp_path: Path, extension: str, capfd: pytest.CaptureFixture) -> None:
    path = tmp_path / f"hand{extension}"
    path.write_bytes(b"")
    refused(path, "empty")
    for garbage in (b"garbage" * 100, b"\x1f\x8b" + bytes(500), b"NRRD0004\n", b"NDims = 3\n"):
        path.write_bytes(garbage)
        refused(path, "expected")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compress", [False, True])
@ALL
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_truncated(
    tmp_path: Path, extension: str, compress: bool, kept: float, capfd: pytest.CaptureFixture
) -> None:
    path = write(tmp_path / f"hand{extension}", compress=compress)
    detached = [other for other in tmp_path.iterdir() if other != path]
    data = detached[0] if detached else path
    content = data.read_bytes()
    data.write_bytes(content[: int(len(content) * kept)])
    refused(path, "truncated|damaged|complete")
    if detached:
        data.unlink()
        refused(path, "data file 'hand.* was not found")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".nrrd"])
def test_one_damaged_byte_in_compressed_voxels(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"hand{extension}", make_image(noise() // 32), compress=True)
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 0x55
    path.write_bytes(content)
    refused(path, "damaged|complete")


def test_nifti_gz_beside_plain_nifti_reads_its_own_voxels(tmp_path: Path) -> None:
    path = write(tmp_path / "hand.nii.gz")
    write(tmp_path / "hand.nii", make_image(np.zeros(SHAPE, np.uint8)))
    np.testing.assert_array_equal(read_volume(path).array, noise())


def test_plain_nifti_named_gz_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "hand.nii.gz")
    path.write_bytes(gzip.decompress(path.read_bytes()))
    np.testing.assert_array_equal(read_volume(path).array, noise())


@pytest.mark.parametrize("extension", [".nrrd", ".mha", ".nii", ".nii.gz"])
def test_dimensions(tmp_path: Path, extension: str) -> None:
    refused(write(tmp_path / f"flat{extension}", make_image(noise()[0])), "flat.*expected a 3D")
    series = sitk.Image([5, 4, 3, 2], sitk.sitkUInt8)
    refused(write(tmp_path / f"series{extension}", series), "5 x 4 x 3 x 2, expected a 3D")
    single = sitk.JoinSeries(make_image())
    volume = read_volume(write(tmp_path / f"single{extension}", single))
    np.testing.assert_array_equal(volume.array, noise())
    assert volume.spacing_mm == pytest.approx((0.3, 0.2, 0.1))


@pytest.mark.parametrize("extension", [".nrrd", ".mha", ".nii.gz"])
def test_colours(tmp_path: Path, extension: str) -> None:
    grey = np.repeat(noise()[..., None], 3, axis=-1)
    volume = read_volume(write(tmp_path / f"grey{extension}", make_image(grey, is_vector=True)))
    np.testing.assert_array_equal(volume.array, noise())


@pytest.mark.parametrize("extension", [".nrrd", ".nii"])
def test_complex(tmp_path: Path, extension: str) -> None:
    image = sitk.Image([4, 3, 2], sitk.sitkComplexFloat32)
    refused(write(tmp_path / f"hand{extension}", image), "complex numbers")


@pytest.mark.parametrize("extension", [".nrrd", ".mha", ".nii.gz"])
def test_non_finite_voxels_are_counted(tmp_path: Path, extension: str) -> None:
    array = noise("float32")
    array[0, 0, :3] = (np.nan, np.inf, -np.inf)
    refused(
        write(tmp_path / f"hand{extension}", make_image(array)), "found NaN or infinity in 3 voxels"
    )


def edit_nrrd(path: Path, value: str) -> None:
    first, rest = path.read_bytes().split(b"space directions: ", 1)
    vector = f"({value},0,0)".encode()
    path.write_bytes(first + b"space directions: " + vector + rest[rest.index(b") ") + 1 :])


def edit_nrrd_spacings(path: Path, value: str) -> None:
    header = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 1 1\nspacings: {value} 1 1\n"
    path.write_bytes(header.encode() + b"encoding: raw\n\n\0\0")


def edit_mha(path: Path, value: str) -> None:
    old = b"ElementSpacing = 0.10000000000000001"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, f"ElementSpacing = {value}".encode()))


def edit_nifti(path: Path, value: str) -> None:
    content = bytearray(path.read_bytes())
    content[80:84] = struct.pack("<f", float(value))
    path.write_bytes(content)


@pytest.mark.parametrize("value", ["0", "-0.1", "nan", "inf"])
@pytest.mark.parametrize(
    ("extension", "edit"),
    [
        (".nrrd", edit_nrrd),
        (".nrrd", edit_nrrd_spacings),
        (".mha", edit_mha),
        (".nii", edit_nifti),
    ],
)
def test_bad_spacing(
    tmp_path: Path, extension: str, edit: Callable[[Path, str], None], value: str
) -> None:
    path = write(tmp_path / f"hand{extension}")
    edit(path, value)
    if edit is edit_nrrd and value == "-0.1":  # a direction, not a spacing: a mirrored axis
        np.testing.assert_array_equal(read_volume(path).array, noise()[:, :, ::-1])
    else:
        refused(path, "spacing is .* expected (a )?positive finite number")


def test_spacing_left_out(tmp_path: Path) -> None:
    path = tmp_path / "hand.nrrd"
    path.write_bytes(b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 1 1 1\nencoding: raw\n\n\0")
    refused(path, "no voxel spacing")
    path = write(tmp_path / "hand.mha")
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing", b"ElementSomething"))
    refused(path, "no ElementSpacing")


def test_nifti_orientation_with_nan(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    path = write(tmp_path / "hand.nii")
    content = bytearray(path.read_bytes())
    content[280:284] = struct.pack("<f", math.nan)
    path.write_bytes(content)
    refused(path, "orientation has values that are not finite")
    assert capfd.readouterr().err == ""


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "hand.mha")
    old = b"TransformMatrix = 1 0 0 0 1"
    path.write_bytes(path.read_bytes().replace(old, b"TransformMatrix = 1 0 0 .5 1"))
    refused(path, r"axes x and y meet at 63\.435 degrees \(a sheared grid\)")


def test_volume_from_image_and_array() -> None:
    volume = volume_from_image(make_image())
    np.testing.assert_array_equal(volume.array, noise())
    same = volume_from_array(noise(), (0.3, 0.2, 0.1))
    assert same.geometry == volume.geometry
    assert isinstance(same, Volume)
    assert same.path is None
    for bad, pattern in (
        (noise()[0], "shape"),
        (np.zeros((0, 2, 2)), "shape"),
        (np.full(SHAPE, np.nan), "NaN"),
        (noise("complex64"), "complex"),
    ):
        with pytest.raises(InputError, match=pattern):
            volume_from_array(bad, (0.3, 0.2, 0.1))
    with pytest.raises(InputError, match="spacing"):
        volume_from_array(noise(), (0.3, 0.0, 0.1))
    for spacing_mm in (0.3, (0.3, 0.2), (0.3, 0.2, "x")):
        with pytest.raises(InputError, match=r"spacing_mm: found .* expected"):
            volume_from_array(noise(), spacing_mm)


def test_a_spacing_of_numpy_numbers_can_be_written(tmp_path: Path) -> None:
    volume = volume_from_array(noise(), np.array([0.5, 0.25, 1], np.float32))
    assert volume.geometry == Geometry.canonical(SHAPE, (0.5, 0.25, 1.0))
    write_image(tmp_path / "a.nrrd", volume.array, volume.geometry)
    assert read_volume(tmp_path / "a.nrrd").spacing_mm == (0.5, 0.25, 1.0)


def test_a_real_file() -> None:
    path = REAL / "SpinePhantomFreehandReconstructed.mha"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    volume = read_volume(path)
    assert volume.array.shape == (104, 106, 147)
    assert volume.array.dtype == np.uint8
    assert volume.spacing_mm == (0.5, 0.5, 0.5)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@ALL
def test_geometry_is_read_from_the_header_alone(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"hand{extension}")
    assert read_geometry(path) == read_volume(path).geometry
    array = noise("float32")
    array[1, 2, 3] = np.nan
    broken = write(tmp_path / f"broken{extension}", make_image(array))
    refused(broken, "found NaN or infinity in 1 voxel,")
    assert read_geometry(broken).canonical_shape == SHAPE
    assert read_geometry(broken).canonical_spacing_mm == pytest.approx((0.3, 0.2, 0.1))


def test_geometry_of_files_that_have_none(tmp_path: Path) -> None:
    flat = write(tmp_path / "flat.nii.gz", sitk.GetImageFromArray(noise()[0]))
    with pytest.raises(InputError, match=r"flat\.nii\.gz: size is 20 x 16, expected a 3D image"):
        read_geometry(flat)
    with pytest.raises(InputError, match=r"none\.mha: no such file"):
        read_geometry(tmp_path / "none.mha")
    text = tmp_path / "text.nii.gz"
    text.write_text("no image")
    with pytest.raises(InputError, match=r"text\.nii\.gz: .*not NIfTI"):
        read_geometry(text)
    text.write_bytes(b"\x1f\x8b" + b"no gzip" * 20)
    with pytest.raises(InputError, match=r"text\.nii\.gz: .*damaged"):
        read_geometry(text)


def test_simpleitk_warns_again_after_the_last_reader() -> None:
    from amcnet.io.simpleitk import quiet_simpleitk

    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    first, second = quiet_simpleitk(), quiet_simpleitk()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # two threads do not leave in the order that they came in
    assert not sitk.ProcessObject.GetGlobalWarningDisplay()
    second.__exit__(None, None, None)
    assert sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(before)
