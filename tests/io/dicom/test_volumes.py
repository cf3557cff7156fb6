import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.fileset import FileSet

from amcnet.errors import InputError, NotEnoughMemoryError
from amcnet.io import Geometry, read_geometry, read_volume, same_grid

TURNS = [
    np.eye(3),
    np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
]


def stored(path: Path, **options: Any) -> np.ndarray:
    volume = read_volume(path, **options)
    return volume.geometry.from_canonical(volume.array)


@pytest.mark.parametrize("turn", [0, 1, 2, None])
def test_a_series_has_the_geometry_that_simpleitk_reads(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, turn: int | None
) -> None:
    if turn is not None:
        scan.direction = TURNS[turn].astype(float)
    folder = dicom.series(tmp_path / "series", scan)
    volume = read_volume(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    geometry = volume.geometry
    assert geometry.size == image.GetSize()
    assert geometry.spacing_mm == pytest.approx(image.GetSpacing(), rel=1e-6)
    assert geometry.origin_mm == pytest.approx(image.GetOrigin(), abs=1e-6)
    assert geometry.direction == pytest.approx(image.GetDirection(), abs=1e-6)
    np.testing.assert_array_equal(
        geometry.from_canonical(volume.array), sitk.GetArrayFromImage(image)
    )
    assert same_grid(read_geometry(folder), geometry) is None
    assert volume.path == folder


@pytest.mark.parametrize("order", [None, [4, 0, 8, 1, 7, 2, 6, 3, 5], [8, 7, 6, 5, 4, 3, 2, 1, 0]])
def test_an_enhanced_volume_lies_where_its_volume_frame_says(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, order: list[int] | None
) -> None:
    path = dicom.enhanced(tmp_path / "volume.dcm", scan, order)
    volume = read_volume(path)
    geometry = volume.geometry
    np.testing.assert_array_equal(geometry.from_canonical(volume.array), scan.stored)
    assert volume.array.dtype == np.uint8
    assert geometry.spacing_mm == pytest.approx(scan.spacing_mm, rel=1e-6)
    assert geometry.origin_mm == pytest.approx(scan.origin_mm)
    assert geometry.direction == pytest.approx(scan.direction.ravel(), abs=1e-6)


def test_axes_of_a_series_may_mean_something_else(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    scan.direction = np.eye(3)
    volume = read_volume(dicom.series(tmp_path / "s", scan), "lateral,depth,-scan")
    np.testing.assert_array_equal(volume.array, scan.stored[::-1].transpose(0, 2, 1))
    assert volume.spacing_mm == pytest.approx((0.7, 0.25, 0.4))


def test_zip_folders_and_directory_give_the_same(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    folder = dicom.series(tmp_path / "cd" / "deep" / "er", scan)
    (tmp_path / "cd" / "readme.txt").write_text("not an image")
    archive = Path(shutil.make_archive(str(tmp_path / "cd"), "zip", tmp_path / "cd"))
    fileset = FileSet()
    for file in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.InstanceNumber = int(dataset.InstanceNumber)
        fileset.add(dataset)
    fileset.write(tmp_path / "set")
    for path in (tmp_path / "cd", archive, tmp_path / "set" / "DICOMDIR", tmp_path / "set"):
        np.testing.assert_array_equal(stored(path), scan.stored)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cd", "cd.zip", "set"]
    shutil.rmtree(tmp_path / "set" / "PT000000")
    with pytest.raises(InputError, match="DICOMDIR: lists 9 files, found none of them"):
        read_volume(tmp_path / "set" / "DICOMDIR")


def test_archives_that_are_no_scans(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    bomb, text = tmp_path / "bomb.zip", tmp_path / "text.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("volume.dcm", bytes(100 << 20))
    with pytest.raises(InputError, match=r"bomb\.zip: unpacks from 0\.\d+ to 0\.1 GiB, expected"):
        read_volume(bomb)
    text.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"text\.zip: the content is not a zip archive"):
        read_volume(text)
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(InputError, match=r"empty\.zip: holds no DICOM images"):
        read_volume(empty)
    good = Path(
        shutil.make_archive(str(tmp_path / "good"), "zip", dicom.series(tmp_path / "s", scan))
    )
    broken = bytearray(good.read_bytes())
    broken[200:260] = bytes(60)
    good.write_bytes(broken)
    with pytest.raises(InputError, match=r"good\.zip \(.*\): is damaged"):
        read_volume(good)


def test_values_are_rescaled_and_inverted(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def rescale(index: int, dataset: Any) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.5 + index, -3

    array = stored(dicom.series(tmp_path / "a", scan, rescale))
    slopes = 0.5 + np.arange(9)[:, None, None]
    np.testing.assert_allclose(array, scan.stored * slopes - 3, rtol=1e-6)
    assert array.dtype == np.float32

    inverted = dicom.series(tmp_path / "b", scan, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(stored(inverted), 255 - scan.stored)

    scan.stored = scan.stored.astype(np.int16) * 100 - 9000
    signed = dicom.series(tmp_path / "c", scan)
    np.testing.assert_array_equal(stored(signed), scan.stored)
    assert stored(signed).dtype == np.int16


def test_colours_count_as_grey_where_they_are(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def colour(index: int, dataset: Any) -> None:
        pixels = np.repeat(scan.stored[index][..., None], 3, axis=-1)
        pixels[0, 0, 2] ^= tinted
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation, dataset.PixelData = "RGB", pixels.tobytes()

    tinted = 0
    np.testing.assert_array_equal(stored(dicom.series(tmp_path / "a", scan, colour)), scan.stored)
    tinted = 1
    folder = dicom.series(tmp_path / "b", scan, colour)
    with pytest.raises(InputError, match="has colours, expected a grey image"):
        read_volume(folder, colour="refuse")
    array = stored(folder)
    assert np.abs(array.astype(int) - scan.stored).max() <= 1
    np.testing.assert_array_equal(array[:, 1:], scan.stored[:, 1:])


@pytest.mark.parametrize(
    "syntax",
    [
        pydicom.uid.RLELossless,
        pydicom.uid.JPEGLSLossless,
        pydicom.uid.JPEG2000Lossless,
        pydicom.uid.JPEGLosslessSV1,
        pydicom.uid.JPEGBaseline8Bit,
        pydicom.uid.ImplicitVRLittleEndian,
    ],
    ids=lambda uid: uid.keyword,
)
def test_transfer_syntaxes(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, syntax: pydicom.uid.UID
) -> None:
    scan.stored = np.add.outer(np.arange(9), np.add.outer(np.arange(16), np.arange(24)))
    scan.stored = (scan.stored * 5).astype(np.uint8)
    folder = dicom.series(tmp_path / "series", scan)
    for file in sorted(folder.iterdir()):
        transcode(file, syntax)
    if syntax == pydicom.uid.JPEGBaseline8Bit:  # the one with losses
        assert np.abs(stored(folder).astype(int) - scan.stored).max() <= 4
    else:
        np.testing.assert_array_equal(stored(folder), scan.stored)


def test_a_jpeg_ls_frame_without_its_end_is_not_decoded(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    scan.stored = np.add.outer(np.arange(2), np.add.outer(np.arange(16), np.arange(24)))
    scan.stored = (scan.stored * 5).astype(np.uint8)
    folder = dicom.series(tmp_path / "series", scan)
    for file in sorted(folder.iterdir()):
        transcode(file, pydicom.uid.JPEGLSLossless)
        dataset = pydicom.dcmread(file)
        (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
        dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 2]])
        dataset.save_as(file)
    with pytest.raises(InputError, match="its JPEG data are truncated, expected whole frames"):
        read_volume(folder)


@pytest.mark.parametrize(
    "syntax",
    [
        pydicom.uid.JPEGLSLossless,
        pydicom.uid.JPEG2000Lossless,
        pydicom.uid.JPEGLosslessSV1,
        pydicom.uid.JPEGBaseline8Bit,
    ],
    ids=lambda uid: uid.keyword,
)
def test_a_header_that_lies_about_compressed_frames_is_found(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, syntax: pydicom.uid.UID
) -> None:
    """Some decoders would end the process."""
    scan.stored = np.add.outer(np.arange(2), np.add.outer(np.arange(16), np.arange(24)))
    scan.stored = (scan.stored * 5).astype(np.uint8)
    folder = dicom.series(tmp_path / "series", scan)
    for file in sorted(folder.iterdir()):
        transcode(file, syntax)
        dataset = pydicom.dcmread(file)
        dataset.Rows, dataset.Columns = 5, 200
        dataset.save_as(file)
    with pytest.raises(
        InputError, match=r"its compressed data are of .*, expected 5 x 200 x 1 with"
    ):
        read_volume(folder)


def transcode(file: Path, syntax: pydicom.uid.UID) -> None:
    """Write a file in another transfer syntax: pydicom for what it can encode, else GDCM."""
    import gdcm

    kinds = {
        pydicom.uid.JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
        pydicom.uid.JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        pydicom.uid.JPEGBaseline8Bit: gdcm.TransferSyntax.JPEGBaselineProcess1,
    }
    if syntax in kinds:
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(str(file))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(kinds[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(file))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    else:
        dataset = pydicom.dcmread(file)
        if syntax.is_compressed:
            dataset.compress(syntax)
            dataset.save_as(file)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
            pydicom.dcmwrite(file, dataset, implicit_vr=True, little_endian=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({4: "gone"}, r"lacks 1 slice in 1 gap, the first between slices 4 and 5, 1\.4 mm"),
        ({4: 0.02}, r"its slices are 0\.68 to 0\.72 mm apart, expected distances that differ by"),
        ({4: -0.7}, "2 or more of 9 frames have the same position"),
        ({4: "shifted"}, r"shifted sideways by up to 0\.5 mm"),
        ({4: "turned"}, "its frames have different orientations"),
        ({4: "scaled"}, "its frames have different PixelSpacing"),
        ({4: "large"}, "its images are of 12 x 11 and 13 x 11 pixels"),
        ({4: "deep"}, "BitsAllocated is 16 and 8"),
        ({4: "lost"}, "frame .* has no ImagePositionPatient, expected one"),
        ({4: "cut"}, r"the file is truncated, found \d+ bytes of pixels, expected 132 for 1"),
    ],
)
def test_what_makes_no_grid_is_one_sentence(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, change: dict[int, Any], sentence: str
) -> None:
    ((at, what),) = change.items()

    def edit(index: int, dataset: Any) -> None:
        if index == at:
            spoil(dataset, what, scan)

    folder = dicom.series(tmp_path / "series", scan, edit)
    file = next(folder.glob(f"*_{at}.dcm"))
    if what == "gone":
        file.unlink()
    if what == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=sentence) as caught:
        read_volume(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)
    assert not any(word in str(caught.value) for word in dicom.words)


def spoil(dataset: Any, what: Any, scan: Any) -> None:
    place = np.array(dataset.ImagePositionPatient, float)
    if isinstance(what, float):
        dataset.ImagePositionPatient = list(np.round(place + what * scan.direction[:, 2], 6))
    elif what == "shifted":
        dataset.ImagePositionPatient = list(np.round(place + 0.5 * scan.direction[:, 0], 6))
    elif what == "turned":
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    elif what == "scaled":
        dataset.PixelSpacing = [0.5, 0.5]
    elif what == "large":
        dataset.Rows, dataset.PixelData = 13, dataset.PixelData + bytes(12)
    elif what == "deep":
        dataset.BitsAllocated, dataset.PixelData = 16, dataset.PixelData * 2
    elif what == "lost":
        del dataset.ImagePositionPatient


def test_frames_of_several_times_are_refused(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    path = dicom.enhanced(tmp_path / "film.dcm", scan, [0, 1, 2, 3, 0, 1, 2, 3])
    with pytest.raises(
        InputError, match=r"film\.dcm: 5 or more of 8 frames have the same position"
    ):
        read_volume(path)


def test_frames_without_positions_need_a_spacing(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    path = tmp_path / "old"
    dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9).save_as(path)
    with pytest.raises(InputError, match=r"old: is a multi-frame image without positions"):
        read_volume(path)
    volume = read_volume(path, spacing_mm=(0.3, 0.2, 0.1))
    np.testing.assert_array_equal(volume.array, scan.stored)
    assert volume.spacing_mm == (0.3, 0.2, 0.1)
    turned = read_volume(path, "lateral,depth,scan", spacing_mm=(0.3, 0.2, 0.1))
    np.testing.assert_array_equal(turned.array, scan.stored.transpose(0, 2, 1))
    assert turned.spacing_mm == (0.3, 0.2, 0.1)


def test_a_spacing_overrides_that_of_the_header(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scan.direction = np.eye(3)
    folder = dicom.series(tmp_path / "s", scan)
    own = read_volume(folder)
    assert not caplog.records
    given = read_volume(folder, spacing_mm=(0.5, 0.4, 0.25))
    assert given.spacing_mm == pytest.approx((0.5, 0.4, 0.25))
    np.testing.assert_array_equal(given.array, own.array)
    (record,) = caplog.records
    assert "states voxels of 0.4 x 0.25 x 0.7 mm (row, column, slice), the given" in record.message
    assert read_geometry(folder).canonical_spacing_mm == pytest.approx((0.7, 0.4, 0.25))


def test_sizes_are_checked_before_memory_is_taken(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim(_: int, dataset: Any) -> None:
        dataset.Rows = dataset.Columns = 65535

    with pytest.raises(InputError, match=r"the file is truncated, found .* bytes of pixels"):
        read_volume(dicom.enhanced(tmp_path / "claims.dcm", scan, edit=claim))
    claimed = 65535
    folder = dicom.series(tmp_path / "packed", scan)
    for file in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.compress(pydicom.uid.RLELossless)
        dataset.Rows = dataset.Columns = claimed
        dataset.save_as(file)
    with pytest.raises(InputError, match=r"unpack from 0\.000 to 4\.0 GiB according to its header"):
        read_volume(folder)
    claimed = 6000
    for file in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.Rows = dataset.Columns = claimed
        dataset.save_as(file)
    with pytest.raises(InputError, match=r"its RLE data of \d+ bytes cannot hold a frame"):
        read_volume(folder)
    monkeypatch.setattr("amcnet.memory.available_bytes", lambda: 2.0**29)
    with pytest.raises(NotEnoughMemoryError, match=r"packed needs 0\.6 GiB of memory, found 0\.5"):
        read_volume(folder)


def test_files_of_pydicom(tmp_path: Path, dicom: SimpleNamespace) -> None:
    volume = read_volume(dicom.file("MR_small.dcm"))
    expected = pydicom.dcmread(dicom.file("MR_small.dcm"))
    np.testing.assert_array_equal(
        volume.geometry.from_canonical(volume.array)[0], expected.pixel_array
    )
    for same in ("MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless",
                 "MR_small_bigendian", "MR_small_implicit"):  # fmt: skip
        assert read_volume(dicom.file(f"{same}.dcm")).array.dtype.isnative
        np.testing.assert_array_equal(read_volume(dicom.file(f"{same}.dcm")).array, volume.array)
    ct = read_volume(dicom.file("CT_small.dcm"))
    image = sitk.ReadImage(str(dicom.file("CT_small.dcm")))
    np.testing.assert_allclose(
        ct.geometry.from_canonical(ct.array), sitk.GetArrayFromImage(image), rtol=1e-6
    )
    assert ct.geometry.spacing_mm[:2] == pytest.approx(image.GetSpacing()[:2])
    for name, sentence in (
        ("MR_truncated.dcm", "truncated|cannot be decoded"),
        ("image_dfl.dcm", "is a 2D image of 512 x 512 pixels"),
        ("rtplan.dcm", "holds no DICOM images"),
        ("rtdose.dcm", "without positions of its frames"),
        ("test-SR.dcm", "holds no DICOM images"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_volume(dicom.file(name))
    with pytest.raises(InputError, match=r"the content is not DICOM .*, expected a DICOM image"):
        read_volume(bad_file(tmp_path))


def bad_file(folder: Path) -> Path:
    path = folder / "text.dcm"
    path.write_text("I am no image" * 50)
    return path


def test_a_series_is_for_dicom(tmp_path: Path) -> None:
    from amcnet.io import write_image

    write_image(
        tmp_path / "a.nrrd", np.zeros((2, 3, 4), np.uint8), Geometry.canonical((2, 3, 4), (1, 1, 1))
    )
    with pytest.raises(InputError, match=r"a\.nrrd: is not DICOM, expected no series"):
        read_volume(tmp_path / "a.nrrd", series="3")
    with pytest.raises(InputError, match="no such file"):
        read_volume(tmp_path / "b.dcm")
