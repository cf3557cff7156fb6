from pathlib import Path
from types import SimpleNamespace
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError, OutputError
from amcnet.io import (
    Geometry,
    SegmentOverlap,
    read_embedded_label_table,
    read_labels,
    read_segments,
    read_volume,
    same_grid,
    write_labels,
)

TABLE = hand_label_table()
TYPES = ["binary", "labelmap"]


def some_labels(shape: tuple[int, ...], seed: int = 3) -> np.ndarray:
    """Labels with empty slices at both ends of every axis and most structures absent."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    inner = labels[2:-2, 2:-2, 2:-2]
    inner[...] = rng.choice([0, 0, 5, 14, 38], inner.shape)
    return labels


@pytest.fixture(params=["series", "enhanced", "shuffled"])
def source(
    request: pytest.FixtureRequest, dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> Path:
    """A scan with oblique directions as DICOM, of odd size so that frames end within a byte."""
    if request.param == "series":
        return dicom.series(tmp_path / "series", scan)
    order = [4, 0, 8, 1, 7, 2, 6, 3, 5] if request.param == "shuffled" else None
    return dicom.enhanced(tmp_path / "volume.dcm", scan, order)


@pytest.mark.parametrize("seg_type", TYPES)
def test_round_trip(source: Path, tmp_path: Path, seg_type: Any) -> None:
    volume = read_volume(source)
    labels = some_labels(volume.array.shape)
    before = labels.copy()
    path = tmp_path / "labels.dcm"
    write_labels(path, labels, volume.geometry, TABLE, seg_type=seg_type)
    np.testing.assert_array_equal(labels, before)
    back = read_labels(path, TABLE)
    np.testing.assert_array_equal(back.array, labels)
    assert back.array.dtype == np.uint8
    assert same_grid(back.geometry, volume.geometry) is None
    np.testing.assert_array_equal(read_labels(path).array, labels)
    with pytest.raises(OutputError, match="already exists"):
        write_labels(path, labels, volume.geometry, TABLE)


@pytest.mark.parametrize("seg_type", TYPES)
def test_highdicom_reads_the_same_voxels_at_the_same_places(
    source: Path, scan: Any, tmp_path: Path, seg_type: Any
) -> None:
    volume = read_volume(source)
    labels = some_labels(volume.array.shape)
    path = tmp_path / "labels.dcm"
    write_labels(path, labels, volume.geometry, TABLE, seg_type=seg_type)
    seg = hd.seg.segread(path)
    assert seg.segment_numbers == list(range(1, 39))
    found = seg.get_volume(combine_segments=True)
    stored = volume.geometry.from_canonical(labels)
    for index in np.argwhere(stored)[::7]:
        place = np.array(scan.position(int(index[0])))
        place += scan.direction[:, 0] * scan.spacing_mm[0] * index[2]
        place += scan.direction[:, 1] * scan.spacing_mm[1] * index[1]
        at = found.map_reference_to_indices(place[None])[0]
        np.testing.assert_allclose(at, np.rint(at), atol=1e-3)
        assert found.array[tuple(np.rint(at).astype(int))] == stored[tuple(index)]
    assert np.count_nonzero(found.array) == np.count_nonzero(stored)


@pytest.mark.parametrize("seg_type", TYPES)
def test_what_dicom_demands_is_there(source: Path, tmp_path: Path, seg_type: Any) -> None:
    volume = read_volume(source)
    path = tmp_path / "labels.dcm"
    write_labels(path, some_labels(volume.array.shape), volume.geometry, TABLE, seg_type=seg_type)
    seg = pydicom.dcmread(path)
    files = [source] if source.is_file() else sorted(source.iterdir())
    images = [pydicom.dcmread(file) for file in files]
    image = images[0]
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber"):
        assert seg[keyword].value == image[keyword].value
    is_volume = "VolumeFrameOfReferenceUID" in image
    reference = image.VolumeFrameOfReferenceUID if is_volume else image.FrameOfReferenceUID
    assert seg.FrameOfReferenceUID == reference
    assert seg.SeriesInstanceUID != image.SeriesInstanceUID
    assert (seg.Modality, seg.SegmentationType) == ("SEG", seg_type.upper())
    assert (seg.Manufacturer, seg.ManufacturerModelName) == ("amcnet", "AMCNet")
    refs = seg.ReferencedSeriesSequence[0]
    assert refs.SeriesInstanceUID == image.SeriesInstanceUID
    named = {item.ReferencedSOPInstanceUID for item in refs.ReferencedInstanceSequence}
    assert named == {one.SOPInstanceUID for one in images}
    described = [item for item in seg.SegmentSequence if item.SegmentNumber]
    for item, structure in zip(described, TABLE, strict=True):
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        assert (kind.CodingSchemeDesignator, kind.CodeValue) == ("FMA", structure.codes["FMA"])
        assert kind.CodeMeaning == item.SegmentLabel == structure.name
        region = item.AnatomicRegionSequence[0]
        bone = structure.segment == "metacarpal"
        thumb = structure.group == "thumb"
        known = codes.SCT.Hand if bone else codes.SCT.Thumb if thumb else codes.SCT.Finger
        assert (region.CodeValue, region.CodingSchemeDesignator) == known[:2]
        color = hd.color.CIELabColor.from_dicom_value(tuple(item.RecommendedDisplayCIELabValue))
        assert np.abs(np.subtract(color.to_rgb(), structure.color_rgb)).max() <= 1
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert algorithm.AlgorithmName == "AMCNet"
        assert algorithm.AlgorithmVersion
        assert algorithm.AlgorithmSource == "amcnet"


def test_frames_refer_to_the_slices_that_they_lie_in(source: Path, tmp_path: Path) -> None:
    volume = read_volume(source)
    path = tmp_path / "labels.dcm"
    write_labels(path, some_labels(volume.array.shape), volume.geometry, TABLE)
    places = {}
    for file in [source] if source.is_file() else source.iterdir():
        image = pydicom.dcmread(file)
        if "PerFrameFunctionalGroupsSequence" in image:
            for number, frame in enumerate(image.PerFrameFunctionalGroupsSequence, start=1):
                position = frame.PlanePositionVolumeSequence[0].ImagePositionVolume
                places[image.SOPInstanceUID, number] = position
        else:
            places[image.SOPInstanceUID, None] = image.ImagePositionPatient
    seg = pydicom.dcmread(path)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        key = item.ReferencedSOPInstanceUID, item.get("ReferencedFrameNumber")
        np.testing.assert_allclose(
            places[key], frame.PlanePositionSequence[0].ImagePositionPatient, atol=1e-6
        )


@pytest.mark.parametrize("seg_type", TYPES)
@pytest.mark.parametrize("filled", ["nothing", "first", "last", "ends"])
def test_empty_slices_keep_their_place(
    source: Path, tmp_path: Path, seg_type: Any, filled: str
) -> None:
    volume = read_volume(source)
    stored = np.zeros(volume.geometry.stored_shape, np.uint8)
    if filled in ("first", "ends"):
        stored[0, 0, 0] = 1
    if filled in ("last", "ends"):
        stored[-1, 0, :2] = 2
    labels = volume.geometry.to_canonical(stored)
    path = tmp_path / "labels.dcm"
    write_labels(path, labels, volume.geometry, TABLE, seg_type=seg_type)
    back = read_labels(path, TABLE)
    np.testing.assert_array_equal(back.array, labels)
    assert same_grid(back.geometry, volume.geometry) is None


@pytest.mark.parametrize("seg_type", TYPES)
def test_some_structures_only(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, seg_type: Any
) -> None:
    volume = read_volume(dicom.series(tmp_path / "series", scan))
    labels = some_labels(volume.array.shape)
    path = tmp_path / "labels.dcm"
    write_labels(path, labels, volume.geometry, TABLE, False, (5, 14, 38), seg_type)
    names = [TABLE[value].name for value in (5, 14, 38)]
    assert [segment.name for segment in read_segments(path)] == names
    np.testing.assert_array_equal(read_labels(path, TABLE).array, labels)
    numbers = [5, 14, 38] if seg_type == "labelmap" else [1, 2, 3]
    assert [segment.label_value for segment in read_segments(path)] == numbers
    with pytest.raises(InputError, match="is not in the label table, expected names of the table"):
        read_labels(path, LabelTable(tuple(TABLE)[:14]))


def test_a_label_map_of_noise(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    volume = read_volume(dicom.series(tmp_path / "series", scan))
    shape = volume.array.shape
    labels = np.random.default_rng(5).integers(0, 250, shape).astype(np.uint8)
    table = LabelTable.from_names([f"part {number}" for number in range(1, 251)])
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, table, seg_type="labelmap")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm", table).array, labels)


def test_names_of_any_language(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    folder = dicom.series(
        tmp_path / "series", scan, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Zoë"
    )
    volume = read_volume(folder)
    labels = np.minimum(some_labels(volume.array.shape), 1)
    table = LabelTable.from_names(["Wirbelkörper " + "x" * 80])
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, table)
    seg = pydicom.dcmread(tmp_path / "a.dcm")
    assert str(seg.PatientName) == "Müller^Zoë"
    assert seg.SegmentSequence[0].SegmentLabel.startswith("Wirbelkörper xx")
    kind = seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodingSchemeDesignator, kind.CodeMeaning) == ("SCT", "Tissue")
    assert [one.name for one in read_segments(tmp_path / "a.dcm")] == [table[1].name]
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm", table).array, labels)


def test_a_scan_that_names_little_is_enough(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def strip(_: int, dataset: Any) -> None:
        for keyword in ("PatientBirthDate", "StudyID", "AccessionNumber", "FrameOfReferenceUID"):
            del dataset[keyword]

    volume = read_volume(dicom.series(tmp_path / "series", scan, strip))
    labels = some_labels(volume.array.shape)
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, TABLE)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm", TABLE).array, labels)

    def spoil(_: int, dataset: Any) -> None:
        del dataset.StudyInstanceUID

    volume = read_volume(dicom.series(tmp_path / "other", scan, spoil))
    with pytest.raises(OutputError, match=r"b\.dcm: the images have no StudyInstanceUID"):
        write_labels(tmp_path / "b.dcm", labels, volume.geometry, TABLE)
    assert not list(tmp_path.glob("b*"))


def test_what_is_no_dicom_gets_no_segmentation(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    labels = np.zeros((3, 4, 5), np.uint8)
    with pytest.raises(OutputError, match=r"a\.dcm: .* another output such as \.seg\.nrrd"):
        write_labels(tmp_path / "a.dcm", labels, Geometry.canonical((3, 4, 5), (1, 1, 1)), TABLE)
    dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9).save_as(tmp_path / "old")
    volume = read_volume(tmp_path / "old", spacing_mm=(1, 1, 1))
    with pytest.raises(OutputError, match=r"a\.dcm: .* needs the positions of the input's frames"):
        write_labels(tmp_path / "a.dcm", scan.stored * 0, volume.geometry, TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_segmentations_that_cannot_be_read(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    folder = dicom.series(tmp_path / "series", scan)
    volume = read_volume(folder)
    labels = some_labels(volume.array.shape)
    path = tmp_path / "labels.dcm"
    write_labels(path, labels, volume.geometry, TABLE)
    with pytest.raises(InputError, match=r"IM000_0\.dcm: is a DICOM image, expected a DICOM seg"):
        read_labels(folder / "IM000_0.dcm")
    seg = pydicom.dcmread(path)
    for keyword, value, sentence in (
        ("SegmentationType", "FRACTIONAL", "SegmentationType is FRACTIONAL, expected BINARY or"),
        ("PixelData", seg.PixelData[:40], "the file is truncated, found 40 bytes of pixels"),
        ("SegmentSequence", seg.SegmentSequence[:20], "have the number 38, which no segment has"),
    ):
        seg = pydicom.dcmread(path)
        setattr(seg, keyword, value)
        seg.save_as(tmp_path / "bad.dcm")
        with pytest.raises(InputError, match=sentence):
            read_labels(tmp_path / "bad.dcm", TABLE)
    wrong = path.read_bytes().replace(b"1.2.840.10008.1.2.1", b"1.2.840.10008\\1.2.1")
    (tmp_path / "bad.dcm").write_bytes(wrong)
    with pytest.raises(
        InputError, match=r"its transfer syntax .* is private, expected a standard one"
    ):
        read_labels(tmp_path / "bad.dcm", TABLE)


def test_a_cropped_segmentation_is_brought_to_its_image(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    from amcnet.io import labels_on_grid

    folder = dicom.series(tmp_path / "series", scan)
    volume = read_volume(folder)
    labels = some_labels(volume.array.shape)
    stored = volume.geometry.from_canonical(labels)
    images = [pydicom.dcmread(file) for file in folder.iterdir()]
    images.sort(key=lambda image: image.InstanceNumber)
    for image in images:
        image.SliceThickness = 5.0  # which is no distance between slices
    write_labels(tmp_path / "own.dcm", labels, volume.geometry, TABLE)
    described = hd.seg.segread(tmp_path / "own.dcm").SegmentSequence
    seg = hd.seg.Segmentation(
        images, stored, "BINARY", described, hd.UID(), 9, hd.UID(), 1, "m", "n", "1", "2"
    )
    seg.save_as(tmp_path / "cropped.dcm")
    back = read_labels(tmp_path / "cropped.dcm", TABLE)
    assert back.array.size < labels.size
    np.testing.assert_array_equal(labels_on_grid(back, volume.geometry), labels)


def test_voxels_that_overlap_are_reported(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dicom.series(tmp_path / "series", scan)
    volume = read_volume(folder)
    labels = np.ones(volume.array.shape, np.uint8)
    write_labels(tmp_path / "own.dcm", labels, volume.geometry, TABLE)
    described = hd.seg.segread(tmp_path / "own.dcm").SegmentSequence[:2]
    images = sorted((pydicom.dcmread(file) for file in folder.iterdir()),
                    key=lambda image: image.InstanceNumber)  # fmt: skip
    for image in images:
        image.SliceThickness = 0.7
    masks = np.zeros((*scan.stored.shape, 2), np.uint8)
    masks[:, :6, :, 0] = 1
    masks[:, 5:, :, 1] = 1  # one row is in both
    seg = hd.seg.Segmentation(
        images, masks, "BINARY", described, hd.UID(), 9, hd.UID(), 1, "m", "n", "1", "2"
    )
    seg.save_as(tmp_path / "overlapping.dcm")
    back = read_labels(tmp_path / "overlapping.dcm", TABLE)
    expected = np.where(np.arange(12)[:, None] < 5, 1, 2)
    np.testing.assert_array_equal(
        back.geometry.from_canonical(back.array), np.broadcast_to(expected, scan.stored.shape)
    )
    assert back.overlaps == (SegmentOverlap(TABLE[1].name, TABLE[2].name, 9 * 11),)
    (remark,) = back.remarks
    assert f"{9 * 11} voxels of '{TABLE[1].name}' under '{TABLE[2].name}'" in remark
    assert remark in caplog.text


@pytest.mark.parametrize("seg_type", TYPES)
def test_colours_of_the_segments_are_read_back(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, seg_type: Any
) -> None:
    volume = read_volume(dicom.series(tmp_path / "series", scan))
    labels = some_labels(volume.array.shape)
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, TABLE, seg_type=seg_type)
    for found, structure in zip(read_segments(tmp_path / "a.dcm"), TABLE, strict=True):
        assert found.color_rgb is not None
        assert np.abs(np.subtract(found.color_rgb, structure.color_rgb)).max() <= 2


@pytest.mark.parametrize("seg_type", TYPES)
def test_a_foreign_segmentation_keeps_its_names(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, seg_type: Any
) -> None:
    """A liver is no bone of a hand because its segment has the number 1."""
    volume = read_volume(dicom.series(tmp_path / "series", scan))
    labels = np.minimum(some_labels(volume.array.shape), 1)
    liver = LabelTable.from_names(["Liver"])
    write_labels(tmp_path / "a.dcm", labels, volume.geometry, liver, seg_type=seg_type)
    with pytest.raises(InputError, match="Liver"):
        read_labels(tmp_path / "a.dcm", TABLE)
    table = read_embedded_label_table(tmp_path / "a.dcm")
    assert table is not None
    assert [structure.name for structure in table] == ["Liver"]
    np.testing.assert_array_equal(read_labels(tmp_path / "a.dcm", table).array, labels)


@pytest.mark.parametrize("stated_mm", [0.35, 1.4])
def test_a_distance_of_slices_that_contradicts_their_positions(
    dicom: SimpleNamespace,
    scan: Any,
    tmp_path: Path,
    stated_mm: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    volume = read_volume(dicom.series(tmp_path / "series", scan))
    path = tmp_path / "a.dcm"
    write_labels(path, some_labels(volume.array.shape), volume.geometry, TABLE)
    dataset = pydicom.dcmread(path)
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = stated_mm
    dataset.save_as(path)
    sentence = f"its frames are 0.7 mm apart but SpacingBetweenSlices is {stated_mm} mm"
    if stated_mm > 0.7:
        with pytest.raises(InputError, match=f"{sentence}, expected the same"):
            read_labels(path)
    else:  # a segmentation of every second slice, as far as one can tell
        read_labels(path)
        assert f"{sentence}, the slices between them are interpreted as empty" in caplog.text
