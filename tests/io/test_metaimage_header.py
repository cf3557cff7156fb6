"""Headers of MetaImage files that SimpleITK takes as they are, or complains of on its own."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.errors import InputError
from amcnet.io import read_volume


def written(path: Path, compress: bool = True) -> bytes:
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 255, (5, 6, 7), np.uint8))
    sitk.WriteImage(image, str(path), compress)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("found", "lie", "message"),
    [
        (b"NDims = 3", b"Dims = 3", "NDims is ''"),
        (b"NDims = 3", b"NDims = x", "NDims is 'x'"),
        (b"TransformMatrix = 1", b'TransformMatrix = "', "expected 9 finite numbers"),
        (b"Offset = 0", b"Offset = nan", "expected 3 finite numbers"),
        (b"CenterOfRotation = 0", b"CenterOfRotation = ", "expected 3 finite numbers"),
        (b"BinaryData = True", b"BinaryData = [[1]]", "expected True or False"),
        (b"BinaryData = True", b"BinaryData = False", "not numbers of type uint8"),
        (b"BinaryData = True\n", b"BinaryData = True\nBinaryData = True\n", "BinaryData twice"),
        (b"CompressedDataSize = ", b"CompressedDataSize = 9", "expected 1 to the"),
        (b"CompressedDataSize = ", b"CompressedDataSize = -", "expected 1 to the"),
        (b"CompressedDataSize = ", b"CompressedDataSizu = ", "expected 1 to the"),
        (b"CompressedDataSize = 2", b"CompressedDataSize = ", "truncated or damaged"),
        (b"ElementType = MET_UCHAR", b"ElementType = MET_STRING", "ElementType is 'MET_STRING'"),
        (b"DimSize = 7", b"DimSize =\xa07", "expected plain letters"),
        (b"DimSize = 7", b"DimSize = 7.5", "expected positive sizes"),
        (b"DimSize = 7", b"DimSize = 99999999999", "expected positive sizes"),
        (b"DimSize = 7", b"DimSize = 9999999999", "truncated or damaged"),
        (b"ObjectType = Image", b"ObjectType = Tube", "ObjectType is 'Tube'"),
    ],
)
def test_a_header_that_lies_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture, found: bytes, lie: bytes, message: str
) -> None:
    path = tmp_path / "hand.mha"
    content = written(path)
    assert content.count(found) == 1
    path.write_bytes(content.replace(found, lie))
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert message in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("extension", [".mha", ".nrrd", ".nii"])
@pytest.mark.parametrize("number", [1e308, 1e-310, -1e30])
def test_axes_of_absurd_lengths(
    tmp_path: Path, capfd: pytest.CaptureFixture, extension: str, number: float
) -> None:
    path = tmp_path / f"hand{extension}"
    image = sitk.GetImageFromArray(np.zeros((5, 6, 7), np.uint8))
    sitk.WriteImage(image, str(path))
    content = path.read_bytes()
    if extension == ".mha":
        lie = content.replace(b"Matrix = 1 0 0 0 1 0", f"Matrix = 1 0 0 0 1 {number}".encode())
    elif extension == ".nrrd":
        lie = content.replace(b"(0,0,1)", f"(0,{number},1)".encode())
    else:
        single = np.float32(np.clip(number, -3e38, 3e38))
        lie = content[:300] + single.tobytes() + content[304:]
    assert lie != content
    path.write_bytes(lie)
    if number == 1e-310 and extension != ".nii":  # as good as zero
        assert read_volume(path).spacing_mm == (1, 1, 1)
        return
    with pytest.raises(InputError, match=r"expected (the same voxel size|three|positive|lengths)"):
        read_volume(path)
    assert capfd.readouterr() == ("", "")


VOXELS = np.arange(120, dtype=np.int16).reshape(4, 5, 6)  # z, y, x
REAL = Path(__file__).parents[3] / "shared" / "real"


def meta_file(path: Path, *lines: str, data: bytes | None = None, name: str = "LOCAL") -> Path:
    given = {line.partition(" = ")[0] for line in lines}
    default = (
        "NDims = 3",
        "DimSize = 6 5 4",
        "ElementType = MET_SHORT",
        "ElementSpacing = .2 .3 .4",
    )
    header = [line for line in default if line.partition(" = ")[0] not in given]
    content = "\n".join([*header, *lines, f"ElementDataFile = {name}"]) + "\n"
    path.write_bytes(content.encode() + (VOXELS.astype("<i2").tobytes() if data is None else data))
    return path


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("mm", 1), ("cm", 10), ("?", 1)])
def test_distance_units(tmp_path: Path, unit: str, factor: float) -> None:
    volume = read_volume(meta_file(tmp_path / "a.mha", f"DistanceUnits = {unit}", "Offset = 1 2 3"))
    assert volume.spacing_mm == pytest.approx(np.array([0.4, 0.3, 0.2]) * factor)
    assert volume.geometry.origin_mm == pytest.approx(np.array([1, 2, 3]) * factor)
    np.testing.assert_array_equal(volume.array, VOXELS)


def frames(count: int) -> list[str]:
    return [f"Seq_Frame{i:04}_ProbeToTrackerTransform = 1 0 0 {i}" for i in range(count)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["DistanceUnits = furlong"], "DistanceUnits is 'furlong', expected um, mm or cm"),
        (frames(4), "is a sequence of 4 tracked frames, expected a reconstructed volume"),
        (["Offset = 0 0 1", "Position = 0 0 2"], "Offset is '0 0 1' but Position is '0 0 2'"),
        (["TransformMatrix = 1 0 0 0 1 0 0 0 1", "Rotation = 1 0 0 0 -1 0 0 0 1"],
         "TransformMatrix is '1 0 0 0 1 0 0 0 1' but Rotation is"),
        (["TransformMatrix = 1 0 0 0 -1 0 0 0 1", "CenterOfRotation = 1 2 3"],
         "CenterOfRotation is '1 2 3' with a rotation"),
        (["TransformMatrix = 1 0 0 0 -1 0 0 0 1", "AnatomicalOrientation = RAI"],
         "AnatomicalOrientation is 'RAI' but TransformMatrix is '1 0 0 0 -1 0 0 0 1'"),
        (["AnatomicalOrientation = ASL"], "AnatomicalOrientation is 'ASL' but TransformMatrix"),
    ],
)  # fmt: skip
def test_what_it_says_of_space_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_volume(meta_file(tmp_path / "a.mha", *lines))
    assert message in str(caught.value)


@pytest.mark.parametrize("letters", ["RAI", "LPS", "???", "", "rai"])
def test_letters_that_agree_by_either_convention(tmp_path: Path, letters: str) -> None:
    path = meta_file(tmp_path / "a.mha", f"AnatomicalOrientation = {letters}")
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("seed", range(4))
def test_directions_and_letters_of_simpleitk(tmp_path: Path, seed: int) -> None:
    angles = np.random.default_rng(seed).uniform(-3, 3, 3)
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*angles)
    image = sitk.GetImageFromArray(VOXELS)
    image.SetDirection(transform.GetMatrix())
    image.SetSpacing((0.2, 0.3, 0.4))
    image.SetOrigin((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    geometry = read_volume(tmp_path / "a.mha").geometry
    assert geometry.direction == pytest.approx(image.GetDirection())
    assert geometry.origin_mm == image.GetOrigin()
    assert geometry.spacing_mm == image.GetSpacing()


def test_text_byte_order_header_size_and_scaling(tmp_path: Path) -> None:
    text = " ".join(map(str, VOXELS.ravel())).encode()
    path = meta_file(tmp_path / "a.mha", "BinaryData = False", data=text)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    big = VOXELS.astype(">i2").tobytes()
    path = meta_file(tmp_path / "a.mha", "ElementByteOrderMSB = True", data=big)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    for size in (7, -1):
        path = meta_file(tmp_path / "a.mhd", f"HeaderSize = {size}", data=b"", name="ä b.raw")
        (tmp_path / "ä b.raw").write_bytes(b"7 bytes" + VOXELS.astype("<i2").tobytes())
        np.testing.assert_array_equal(read_volume(path).array, VOXELS)
    scaled = ("ElementToIntensityFunctionSlope = 2", "ElementToIntensityFunctionOffset = -1")
    path = meta_file(tmp_path / "a.mha", *scaled)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS * 2.0 - 1)


@pytest.mark.parametrize("name", ["LIST\ns1.raw\ns2.raw", "s%01d.raw 1 2 1"])
def test_voxels_in_several_files(tmp_path: Path, name: str) -> None:
    for index, half in enumerate(np.split(VOXELS.astype("<i2"), 2), start=1):
        (tmp_path / f"s{index}.raw").write_bytes(half.tobytes())
    path = meta_file(tmp_path / "a.mhd", data=b"", name=name)
    np.testing.assert_array_equal(read_volume(path).array, VOXELS)


def test_tracked_frames_of_a_real_device() -> None:
    path = REAL / "BoneUltrasound_L14.igs.mha"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with pytest.raises(InputError, match="is a sequence of 21 tracked frames, expected a recons"):
        read_volume(path)


def test_a_spacing_of_the_users_own(tmp_path: Path) -> None:
    for line in ("ElementSpacing = 1 1 1", "ElementSpacing = 0 x 1", "Comment = none at all"):
        path = meta_file(tmp_path / "a.mha", line)
        assert read_volume(path, spacing_mm=(0.5, 0.6, 0.7)).spacing_mm == (0.5, 0.6, 0.7)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("HeaderSize = 3\n", "HeaderSize is '3' with voxels after the header, expected 0"),
        ("ElementToIntensityFunctionSlope = x\n", "Slope is 'x' and .* expected finite numbers"),
        ("ElementToIntensityFunctionSlope = 0\n", "Slope is '0' and "),
        ("ElementToIntensityFunctionOffset = nan\n", "Offset 'nan', expected finite"),
    ],
)
def test_fields_that_would_be_ignored(tmp_path: Path, lines: str, message: str) -> None:
    header = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementSpacing = 1 1 1\n"
    path = tmp_path / "a.mha"
    path.write_bytes(f"{header}{lines}ElementDataFile = LOCAL\n".encode() + bytes(range(11)))
    with pytest.raises(InputError, match=message):
        read_volume(path)


def test_a_sheared_matrix_is_called_so(tmp_path: Path) -> None:
    """Its second axis is longer than 1 too, which is not what is wrong."""
    path = tmp_path / "hand.mha"
    path.write_bytes(written(path).replace(b"1 0 0 0 1 0 0 0 1", b"1 0 0 .1 1 0 0 0 1"))
    with pytest.raises(
        InputError, match=r"axes x and y meet at 84\.289 degrees \(a sheared grid\)"
    ):
        read_volume(path)


def test_a_byte_order_mark_before_the_first_field(tmp_path: Path) -> None:
    path = tmp_path / "hand.mha"
    content = written(path).removeprefix(b"ObjectType = Image\n")
    assert content.startswith(b"NDims")
    expected = read_volume(path).array
    path.write_bytes(b"\xef\xbb\xbf" + content)
    np.testing.assert_array_equal(read_volume(path).array, expected)
