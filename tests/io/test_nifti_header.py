"""NIfTI orientation, units and scaling, compared with nibabel."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError
from amcnet.io import Geometry, read_geometry, read_labels, read_volume, write_image, write_labels
from amcnet.io.nifti_forms import ras_matrix

VOXELS = np.random.default_rng(0).integers(0, 38, (5, 6, 7)).astype(np.int16)  # x, y, z
SIZES = np.array([0.2, 0.3, 0.4])


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    return nibabel.eulerangles.euler2mat(*angles)


def affine(
    axes: np.ndarray | None = None, sizes: np.ndarray = SIZES, origin: tuple[float, ...] = (1, 2, 3)
) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if axes is None else axes) * sizes
    matrix[:3, 3] = origin
    return matrix


Image = nibabel.Nifti1Image | nibabel.Nifti2Image


def make(
    qform: np.ndarray | None = None,
    sform: np.ndarray | None = None,
    codes: tuple[int, int] = (1, 1),
    kind: type[Image] = nibabel.Nifti1Image,
) -> Image:
    image = kind(VOXELS, None)
    image.header.set_zooms(SIZES)
    image.header["qform_code"] = 0
    if qform is not None:
        image.set_qform(qform, codes[0], update_affine=False)
    if sform is not None:
        image.set_sform(sform, codes[1], update_affine=False)
    return image


def save(path: Path, image: Image, edit: Callable[[Image], None] = lambda image: None) -> Path:
    edit(image)
    image.to_filename(path)
    return path


def agrees_with_nibabel(path: Path) -> None:
    image = nibabel.load(path)
    volume = read_volume(path)
    np.testing.assert_allclose(ras_matrix(volume.geometry), image.affine, atol=1e-5)
    stored = volume.geometry.from_canonical(volume.array)
    np.testing.assert_allclose(stored, np.asarray(image.dataobj).T, rtol=1e-6)


ORIENTATIONS = {
    "identity": np.eye(3),
    "lps": np.diag([-1.0, -1.0, 1.0]),
    "mirrored": np.diag([-1.0, 1.0, 1.0]),
    "turned": np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "oblique": rotation((0.3, -0.5, 0.8)),
    "oblique, mirrored": rotation((0.3, -0.5, 0.8)) @ np.diag([1.0, 1.0, -1.0]),
}


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS)
@pytest.mark.parametrize("forms", ["qform", "sform", "both"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_orientations(
    tmp_path: Path, axes: np.ndarray, forms: str, kind: type[Image], extension: str
) -> None:
    qform = affine(axes) if forms != "sform" else None
    sform = affine(axes) if forms != "qform" else None
    agrees_with_nibabel(save(tmp_path / f"a{extension}", make(qform, sform, kind=kind)))


def test_neither_form_leaves_the_axes_as_they_are_stored(tmp_path: Path) -> None:
    volume = read_volume(save(tmp_path / "a.nii", make()))
    np.testing.assert_array_equal(volume.array, VOXELS.T)
    assert volume.spacing_mm == pytest.approx((0.4, 0.3, 0.2))


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001)])
@pytest.mark.parametrize("forms", ["qform", "sform", "neither"])
def test_units(tmp_path: Path, unit: str, factor: float, forms: str) -> None:
    matrix = affine()
    image = make(
        matrix if forms == "qform" else None,
        matrix if forms == "sform" else None,
    )
    image.header.set_xyzt_units(unit, "sec")
    geometry = read_geometry(save(tmp_path / "a.nii", image))
    assert geometry.spacing_mm == pytest.approx(SIZES * factor)
    if forms != "neither":
        assert geometry.origin_mm == pytest.approx(np.array([-1, -2, 3]) * factor)


def test_a_unit_that_nifti_does_not_have(tmp_path: Path) -> None:
    def edit(image: Image) -> None:
        image.header["xyzt_units"] = 5

    path = save(tmp_path / "a.nii", make(affine()), edit)
    with pytest.raises(InputError, match="unit code 5, expected 1, 2 or 3"):
        read_volume(path)


def test_a_voxel_size_that_contradicts_the_sform_is_refused_with_both(tmp_path: Path) -> None:
    def edit(image: Image) -> None:
        image.header["pixdim"][1:4] = 1

    path = save(tmp_path / "a.nii", make(sform=affine()), edit)
    expected = r"pixdim says 1 x 1 x 1 mm but the sform 0\.2 x 0\.3 x 0\.4 mm"
    with pytest.raises(InputError, match=expected):
        read_volume(path)
    with pytest.raises(InputError, match=expected):
        read_geometry(path)
    volume = read_volume(path, spacing_mm=(0.4, 0.3, 0.2))
    assert volume.spacing_mm == (0.4, 0.3, 0.2)
    np.testing.assert_array_equal(volume.geometry.from_canonical(volume.array), VOXELS.T)


def test_forms_of_one_space_that_contradict_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    for other, expected in (
        (affine(rotation((0, 0, 0.2))), "the qform has the axes"),
        (affine(origin=(1, 2, 4)), r"origin \(1, 2, 3\) but the sform \(1, 2, 4\) mm"),
    ):
        save(path, make(affine(), other, (1, 1)))
        with pytest.raises(InputError, match=expected):
            read_volume(path)
        save(path, make(affine(), other, (1, 2)))  # two spaces: the sform counts, as in nibabel
        agrees_with_nibabel(path)


def test_a_template_is_not_where_the_scan_was(tmp_path: Path) -> None:
    template = affine(rotation((0, 0, 0.4)), SIZES * 1.3)
    path = save(tmp_path / "a.nii", make(affine(), template, (1, 4)))
    np.testing.assert_allclose(ras_matrix(read_geometry(path)), affine(), atol=1e-6)


def test_shear_is_named_as_such(tmp_path: Path) -> None:
    sheared = affine()
    sheared[:3, 1] = 0.3 * np.array([np.sin(0.05), np.cos(0.05), 0])
    path = save(tmp_path / "a.nii", make(sform=sheared))
    with pytest.raises(InputError, match=r"axes x and y meet at 87\.135 degrees \(a sheared grid"):
        read_volume(path)


@pytest.mark.parametrize("scaling", [(0.5, 0.0), (2.0, -3.0), (1.0, 10.0), (0.1, 0.0)])
def test_slope_and_intercept(tmp_path: Path, scaling: tuple[float, float]) -> None:
    def edit(image: Image) -> None:
        image.header.set_slope_inter(*scaling)

    content = bytearray(save(tmp_path / "a.nii", make(affine())).read_bytes())
    content[112:120] = struct.pack("<2f", *scaling)
    path = tmp_path / "b.nii"
    path.write_bytes(content)
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    agrees_with_nibabel(path)


@pytest.mark.parametrize("slope", [0.1, 2.0, 1.0])
def test_scaled_labels_that_are_whole_numbers(tmp_path: Path, slope: float) -> None:
    stored = np.rint(VOXELS / np.float32(slope)) if slope < 1 else VOXELS // 2
    expected = VOXELS if slope < 1 else VOXELS // 2 * int(slope)
    image = nibabel.Nifti1Image(stored.astype(np.int16), affine())
    image.header["qform_code"] = 1
    content = bytearray(image.to_bytes())
    content[112:120] = struct.pack("<2f", slope, 0)
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    labels = read_labels(path)
    assert labels.array.dtype == np.uint8
    np.testing.assert_array_equal(labels.geometry.from_canonical(labels.array), expected.T)
    content[112:120] = struct.pack("<2f", 0.35, 0)
    path.write_bytes(content)
    with pytest.raises(InputError, match="found fractions in "):
        read_labels(path)


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 2), (2, 1), (0, 0)])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_outputs_keep_both_forms(tmp_path: Path, codes: tuple[int, int], kind: type[Image]) -> None:
    qform = affine(ORIENTATIONS["oblique"]) if codes[0] else None
    moved = affine(ORIENTATIONS["turned"] if codes == (2, 1) else ORIENTATIONS["oblique"])
    path = save(tmp_path / "a.nii.gz", make(qform, moved if codes[1] else None, codes, kind))
    volume = read_volume(path)
    labels = volume.array.astype(np.uint8)
    for name in ("b.nii.gz", "b.nii", "B.NII.GZ"):
        out = tmp_path / name
        write_labels(out, labels, volume.geometry, hand_label_table())
        before, after = nibabel.load(path), nibabel.load(out)
        assert type(after) is type(before)
        for form in ("get_qform", "get_sform"):
            (matrix, code), (expected, expected_code) = (
                getattr(image, form)(coded=True) for image in (after, before)
            )
            assert code == expected_code
            if code:
                np.testing.assert_allclose(matrix, expected, atol=1e-6)
        assert after.header.get_zooms() == before.header.get_zooms()
        np.testing.assert_array_equal(np.asarray(after.dataobj), VOXELS)
    content = (tmp_path / "B.NII.GZ").read_bytes()
    assert gzip.decompress(content) == (tmp_path / "b.nii").read_bytes()


def test_files_made_here_have_both_forms(tmp_path: Path) -> None:
    geometry = Geometry.canonical((7, 6, 5), (0.4, 0.3, 0.2))
    write_image(tmp_path / "a.nii.gz", VOXELS.T, geometry)
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert image.get_qform(coded=True)[1] == image.get_sform(coded=True)[1] == 1
    np.testing.assert_allclose(image.affine, np.diag([-0.2, -0.3, 0.4, 1]), atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_more_voxels_along_an_axis_than_version_1_has(tmp_path: Path) -> None:
    voxels = np.zeros((2, 3, 40000), np.uint8)
    voxels[1, 2, 39999] = 1
    write_image(tmp_path / "a.nii.gz", voxels, Geometry.canonical(voxels.shape, (1, 1, 0.01)))
    assert isinstance(nibabel.load(tmp_path / "a.nii.gz"), nibabel.Nifti2Image)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").array, voxels)


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8"])
def test_types_and_byte_orders(tmp_path: Path, endianness: str, dtype: str) -> None:
    voxels = VOXELS.astype(endianness + dtype)
    header = nibabel.Nifti1Header(endianness=endianness)
    header.set_data_dtype(voxels.dtype)
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(voxels, affine(), header))
    agrees_with_nibabel(path)
    assert read_volume(path).array.dtype == np.dtype(dtype)


def test_header_extensions_are_skipped(tmp_path: Path) -> None:
    image = make(affine())
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 5000))
    agrees_with_nibabel(save(tmp_path / "a.nii.gz", image))


def test_a_pair_of_header_and_voxels_is_refused(tmp_path: Path) -> None:
    nibabel.Nifti1Pair(VOXELS, affine()).to_filename(tmp_path / "a.img")
    path = (tmp_path / "a.hdr").rename(tmp_path / "a.nii")
    with pytest.raises(InputError, match="not NIfTI"):
        read_volume(path)


@pytest.mark.parametrize(("stated", "starts"), [(0, 352), (352, 352), (368, 368)])
def test_where_the_voxels_start(tmp_path: Path, stated: int, starts: int) -> None:
    """Behind the header are four bytes about extensions, even where the offset is left open."""
    voxels = np.arange(24, dtype=np.uint8)
    content = bytearray(nibabel.Nifti1Image(np.zeros((4, 3, 2), np.uint8), None).to_bytes()[:352])
    content[108:112] = np.float32(stated).tobytes()
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(content) + bytes(starts - 352) + voxels.tobytes())
    np.testing.assert_array_equal(read_volume(path).array.ravel(), voxels)
    for wrong in (348, 351, 10, np.nan):
        content[108:112] = np.float32(wrong).tobytes()
        path.write_bytes(bytes(content) + voxels.tobytes())
        with pytest.raises(InputError, match=r"voxel offset is .*, expected 352 or more"):
            read_volume(path)


@pytest.mark.parametrize("column", [(0.2, 0.05, 0.0), (0.0, 0.3, 0.0)])
def test_a_sheared_sform_is_called_so(tmp_path: Path, column: tuple[float, ...]) -> None:
    """Its columns are longer than pixdim says, which is not what is wrong."""
    affine = np.diag([0.2, 0.3, 0.4, 1.0])
    content = bytearray(nibabel.Nifti1Image(np.zeros((4, 3, 2), np.uint8), affine).to_bytes())
    for row, value in enumerate(column):
        content[280 + 16 * row : 284 + 16 * row] = np.float32(value).tobytes()
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"axes x and y meet at .* degrees \(a sheared grid\)"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.nii", "A.NII", "a.nii.gz"])
@pytest.mark.parametrize("is_compressed", [True, False])
def test_the_content_says_whether_a_file_is_compressed(
    tmp_path: Path, name: str, is_compressed: bool
) -> None:
    content = make(affine()).to_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if is_compressed else content)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.geometry.from_canonical(volume.array), VOXELS.T)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("offset", ["none", "after the header"])
@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_an_extension_is_not_read_as_voxels(
    tmp_path: Path, kind: type[Image], offset: str, extension: str
) -> None:
    """Its 32 bytes would shift all voxels: less than a slice, which passes for padding."""
    image = make(affine(), kind=kind)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 20))
    content = bytearray(image.to_bytes())
    version2 = kind is nibabel.Nifti2Image
    stated = {"none": 0, "after the header": 544 if version2 else 352}[offset]
    if version2:
        content[168:176] = struct.pack("<q", stated)
    else:
        content[108:112] = struct.pack("<f", stated)
    path = tmp_path / f"a{extension}"
    path.write_bytes(gzip.compress(content) if extension == ".nii.gz" else bytes(content))
    with pytest.raises(InputError, match="a header extension of 32 bytes follows the header but"):
        read_volume(path)
