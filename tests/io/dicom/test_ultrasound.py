"""Ultrasound as devices write it: colours, regions, positions and spacings."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from amcnet.anatomy import hand_label_table
from amcnet.errors import InputError
from amcnet.io import read_geometry, read_volume, write_labels

from .test_volumes import transcode


def stored(path: Path, **options: Any) -> np.ndarray:
    volume = read_volume(path, **options)
    return volume.geometry.from_canonical(volume.array)


def region(
    box: tuple[int, int, int, int], delta_cm: tuple[float, float], **changes: Any
) -> Dataset:
    """Return a region of columns and rows (first and last) with its distances along x and y."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta_cm
    for keyword, value in changes.items():
        setattr(item, keyword, value)
    return item


def coloured(stored: np.ndarray) -> np.ndarray:
    """Return RGB frames with a red logo of 2 x 3 pixels in a corner of each."""
    pixels = np.repeat(stored[..., None], 3, axis=-1)
    pixels[:, :2, :3] = (200, 10, 30)
    return pixels


def colour_film(dicom: SimpleNamespace, path: Path, pixels: np.ndarray, **changes: Any) -> Path:
    """Write RGB frames as an Ultrasound Multi-frame Image."""
    dataset = dicom.dataset(dicom.US_MULTI_FRAME, pixels[..., 0], NumberOfFrames=len(pixels))
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation, dataset.PixelData = "RGB", pixels.tobytes()
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


LUMA = round(0.299 * 200 + 0.587 * 10 + 0.114 * 30)


def test_a_coloured_logo_becomes_luma_and_is_reported(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = colour_film(dicom, tmp_path / "a.dcm", coloured(scan.stored))
    expected = scan.stored.copy()
    expected[:, :2, :3] = LUMA
    np.testing.assert_array_equal(stored(path, spacing_mm=(1, 1, 1)), expected)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "a.dcm: 54 pixels had colour" in record.message
    with pytest.raises(InputError, match="has colours, expected a grey image"):
        read_volume(path, spacing_mm=(1, 1, 1), colour="refuse")
    with pytest.raises(InputError, match="colour is 'no', expected 'luma' or 'refuse'"):
        read_volume(path, spacing_mm=(1, 1, 1), colour="no")  # type: ignore[arg-type]


def test_palette_and_ybr(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = scan.stored.copy()
    expected[:, :2, :3] = LUMA
    palette = dicom.dataset(dicom.US_MULTI_FRAME, scan.stored // 2, NumberOfFrames=9)
    frames = scan.stored // 2
    frames[:, :2, :3] = 255
    palette.PixelData, palette.PhotometricInterpretation = frames.tobytes(), "PALETTE COLOR"
    for name, last in (("Red", 200), ("Green", 10), ("Blue", 30)):
        table = np.arange(256, dtype=np.uint16) * 257
        table[255] = last * 257
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(palette, f"{name}PaletteColorLookupTableData", table.tobytes())
    palette.save_as(tmp_path / "palette.dcm")
    array = stored(tmp_path / "palette.dcm", spacing_mm=(1, 1, 1))
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array[:, 2:], (scan.stored // 2)[:, 2:].astype(int) * 257)
    assert np.abs(array[:, :2, :3] / 257 - LUMA).max() < 0.6

    pixels = coloured(scan.stored)
    ybr = pydicom.pixels.convert_color_space(pixels, "RGB", "YBR_FULL")
    full = colour_film(dicom, tmp_path / "f.dcm", ybr, PhotometricInterpretation="YBR_FULL")
    caplog.clear()
    array = stored(full, spacing_mm=(1, 1, 1))
    assert np.abs(array.astype(int) - expected).max() <= 1
    assert " 54 pixels had colour" in caplog.text


def test_slight_tints_of_lossy_jpeg_are_grey(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    smooth = np.add.outer(np.arange(2), np.add.outer(np.arange(16), np.arange(24)))
    scan.stored = (smooth * 5).astype(np.uint8)
    pixels = np.repeat(scan.stored[..., None], 3, axis=-1)
    pixels[..., 2] ^= 1
    for index, frame in enumerate(pixels):
        colour_film(dicom, tmp_path / f"{index}.dcm", frame[None], NumberOfFrames=1)
    file = tmp_path / "0.dcm"
    transcode(file, pydicom.uid.JPEGBaseline8Bit)
    with pytest.raises(InputError, match="is a 2D colour image of 16 x 24 pixels"):
        read_volume(file)
    dataset = pydicom.dcmread(file)
    dataset.PhotometricInterpretation = "YBR_FULL"  # GDCM converts, and keeps the old name
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 1
    other = pydicom.dcmread(file)
    for keyword in (
        "PhotometricInterpretation",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
    ):
        setattr(other, keyword, dataset[keyword].value)
    other.ImagePositionPatient = [0, 0, 1]
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    (tmp_path / "s").mkdir()
    dataset.save_as(tmp_path / "s" / "0.dcm")
    other.save_as(tmp_path / "s" / "1.dcm")
    array = stored(tmp_path / "s", colour="refuse")
    assert np.abs(array[0].astype(int) - scan.stored[0]).max() <= 6
    assert not caplog.records


def test_outside_of_the_region_is_masked_and_spacing_is_its(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    regions = [
        region((2, 1, 8, 9), (0.025, 0.04)),
        region((0, 10, 10, 11), (1.0, 1.0), RegionSpatialFormat=5),  # graphics
    ]

    def describe(_: int, dataset: Any) -> None:
        del dataset.PixelSpacing
        dataset.SequenceOfUltrasoundRegions = regions

    scan.stored = np.maximum(scan.stored, 1)
    folder = dicom.series(tmp_path / "a", scan, describe)
    expected = np.zeros_like(scan.stored)
    expected[:, 1:10, 2:9] = scan.stored[:, 1:10, 2:9]
    np.testing.assert_array_equal(stored(folder), expected)
    assert read_geometry(folder).spacing_mm == pytest.approx((0.25, 0.4, 0.7))
    assert f"{9 * (12 * 11 - 9 * 7)} pixels outside the ultrasound region" in caplog.text

    film = colour_film(
        dicom, tmp_path / "b.dcm", coloured(scan.stored), SequenceOfUltrasoundRegions=regions
    )
    sentence = (
        "its pixels are 0.25 mm along a row, 0.4 mm along a column, expected .*"
        "--spacing SCAN,LATERAL,DEPTH"
    )
    with pytest.raises(InputError, match=sentence):
        read_volume(film)
    caplog.clear()
    expected[:, 1:2, 2:3] = LUMA
    np.testing.assert_array_equal(stored(film, spacing_mm=(0.7, 0.4, 0.25)), expected)
    assert "54 pixels had colour (9 within the picture)" in caplog.text
    assert "the given size" not in caplog.text
    read_volume(film, spacing_mm=(0.7, 0.5, 0.25))
    assert "the header states voxels of 0.4 x 0.25 mm" in caplog.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"box": (2, 1, 40, 9)},
            "region covers columns 2 to 40 and rows 1 to 9, expected a region inside",
        ),
        ({"delta": (0.03, 0.04)}, "PixelSpacing is 0.4 x 0.25 but its ultrasound region says"),
        ({"delta": (0.0, 0.04)}, "PhysicalDeltaY and PhysicalDeltaX .* expected numbers > 0"),
        ({"imager": [0.5, 0.5]}, "PixelSpacing is 0.4 x 0.25 but ImagerPixelSpacing says 0.5 x"),
        ({"between": 0.9}, "0.7 mm apart according to their positions but 0.9 mm"),
        ({"two": (0.03, 0.04)}, "ultrasound regions have pixel spacings 0.4 x 0.25 and 0.4 x 0.3"),
        ({"none": True}, "has neither PixelSpacing .*expected one of them, or the voxel size"),
    ],
)
def test_contradictions_name_both_values(
    dicom: SimpleNamespace,
    scan: Any,
    tmp_path: Path,
    change: dict[str, Any],
    sentence: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def contradict(_: int, dataset: Any) -> None:
        box, delta = change.get("box", (2, 1, 8, 9)), change.get("delta", (0.025, 0.04))
        regions = [region(box, delta)]
        if "two" in change:
            regions.append(region((0, 0, 5, 5), change["two"]))
        dataset.SequenceOfUltrasoundRegions = regions
        if "imager" in change:
            dataset.ImagerPixelSpacing = change["imager"]
        if "between" in change:
            dataset.SpacingBetweenSlices = change["between"]
        if "none" in change:
            del dataset.SequenceOfUltrasoundRegions, dataset.PixelSpacing

    folder = dicom.series(tmp_path / "a", scan, contradict)
    with pytest.raises(InputError, match=sentence):
        read_volume(folder)
    volume = read_volume(folder, spacing_mm=(0.7, 0.4, 0.25))  # settles all of them
    ignored = [one for one in caplog.messages if "ultrasound regions are ignored" in one]
    assert len(ignored) == (1 if {"box"} & set(change) or change.get("delta") == (0.0, 0.04) else 0)
    assert volume.spacing_mm == pytest.approx((0.7, 0.4, 0.25))


def test_regions_that_contradict_an_enhanced_volume(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def contradict(_: int, dataset: Any) -> None:
        dataset.SequenceOfUltrasoundRegions = [region((0, 0, 10, 11), (0.05, 0.08))]

    path = dicom.enhanced(tmp_path / "a.dcm", scan, edit=contradict)
    sentence = "PixelSpacing is 0.4 x 0.25 but its ultrasound region says 0.8 x 0.5 mm"
    with pytest.raises(InputError, match=sentence):
        read_volume(path)
    assert read_volume(path, spacing_mm=(0.7, 0.4, 0.25)).spacing_mm == (0.7, 0.4, 0.25)


@pytest.mark.parametrize("keyword", ["BitsAllocated", "SamplesPerPixel"])
def test_a_header_that_does_not_describe_its_pixels(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, keyword: str
) -> None:
    folder = dicom.series(tmp_path / "a", scan, lambda _, dataset: delattr(dataset, keyword))
    with pytest.raises(InputError, match=f"states no {keyword}, expected a DICOM image"):
        read_volume(folder)


@pytest.mark.parametrize(("spacing_mm", "accepted"), [(0.277, True), (0.28, True), (0.2849, True)])
def test_positions_rounded_to_two_decimals(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, spacing_mm: float, accepted: bool
) -> None:
    scan.direction = np.eye(3)

    def rounded(index: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [0, 0, round(index * spacing_mm, 2)]

    folder = dicom.series(tmp_path / "a", scan, rounded)
    assert read_geometry(folder).spacing_mm[2] == pytest.approx(spacing_mm, abs=0.01 / 8)


def test_rounding_hides_no_uneven_slice(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    scan.direction = np.eye(3)

    def uneven(index: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [0, 0, round(index * 0.28 + 0.03 * (index == 4), 2)]

    with pytest.raises(InputError, match=r"its slices are 0\.25 to 0\.31 mm apart"):
        read_volume(dicom.series(tmp_path / "a", scan, uneven))


def test_images_that_are_no_volume(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    single = dicom.dataset(dicom.US_IMAGE, scan.stored[0])
    single.save_as(tmp_path / "grey.dcm")
    with pytest.raises(InputError, match=r"grey\.dcm: is a 2D image of 12 x 11 pixels, expected a"):
        read_volume(tmp_path / "grey.dcm")
    colour_film(dicom, tmp_path / "c.dcm", coloured(scan.stored[:1]), NumberOfFrames=1)
    with pytest.raises(InputError, match=r"c\.dcm: is a 2D colour image of 12 x 11 pixels"):
        read_volume(tmp_path / "c.dcm")
    film = dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9, FrameTime=40)
    film.save_as(tmp_path / "film.dcm")
    with pytest.raises(InputError, match=r"\(its FrameTime suggests a cine loop\)"):
        read_volume(tmp_path / "film.dcm")


def test_private_volumes_say_what_to_export(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    private = dicom.dataset("1.3.46.670589.2.5.1.1", scan.stored, Manufacturer="Philips")
    del private.Rows, private.Columns, private.PixelData
    private.save_as(tmp_path / "philips.dcm")
    sentence = r"holds only voxels in a private format \(Philips\), .*export the scan as Enhanced"
    with pytest.raises(InputError, match=sentence):
        read_volume(tmp_path / "philips.dcm")


def test_an_enhanced_volume_without_positions(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def strip(_: int, dataset: Any) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.PlanePositionVolumeSequence

    path = dicom.enhanced(tmp_path / "a.dcm", scan, edit=strip)
    with pytest.raises(InputError, match=r"without positions of its frames.*--spacing SCAN"):
        read_volume(path)
    np.testing.assert_array_equal(stored(path, spacing_mm=(1, 1, 1)), scan.stored)


@pytest.mark.parametrize("limit", [None, 250])
def test_padding_is_no_picture(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, limit: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    scan.stored = np.minimum(scan.stored, 200)
    expected = scan.stored.copy()
    expected[:, :, :2] = 0
    scan.stored[:, :, 0], scan.stored[:, :, 1] = 255, 255 if limit is None else 251
    changes = {} if limit is None else {"PixelPaddingRangeLimit": limit}
    folder = dicom.series(tmp_path / "s", scan, PixelPaddingValue=255, **changes)
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.geometry.from_canonical(volume.array), expected)
    assert f"{9 * 12 * 2} pixels outside the ultrasound region or with the Pixel" in caplog.text


def test_a_segmentation_is_no_image(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    volume = read_volume(dicom.series(tmp_path / "s", scan))
    labels = (volume.array > 100).astype(np.uint8)
    write_labels(tmp_path / "seg.dcm", labels, volume.geometry, hand_label_table())
    with pytest.raises(
        InputError, match=r"seg\.dcm: holds a DICOM segmentation .labels., expected"
    ):
        read_volume(tmp_path / "seg.dcm")
