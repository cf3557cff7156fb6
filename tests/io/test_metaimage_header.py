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
