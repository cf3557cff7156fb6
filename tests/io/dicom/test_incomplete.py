"""Incomplete input is refused by a sentence that names the file, never shortened."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from amcnet.errors import InputError
from amcnet.io import list_series, read_geometry, read_volume


def empty(file: Path) -> None:
    file.write_bytes(b"")


def without_magic(file: Path) -> None:
    file.write_bytes(bytes(len(file.read_bytes())))


def cut_in_the_header(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: content.index(b"\x20\x00\x0d\x00UI")])  # before the study


def cut_before_the_pixels(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00")])


def cut_in_the_pixels(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def link_to_nothing(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("absent"))


def fifo(file: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")
    file.unlink()
    os.mkfifo(file)


def half_downloaded(file: Path) -> None:
    file.rename(file.with_name(f"{file.name}.part"))
    file.with_name(f"{file.name}.part").write_bytes(b"")


DAMAGES = {
    empty: r"the file is empty \(0 bytes\)",
    without_magic: "the content is not DICOM",
    cut_in_the_header: "is an image without Rows and Columns",
    cut_before_the_pixels: "the file ends before its pixels",
    cut_in_the_pixels: "the file is truncated, found 129 bytes of pixels, expected 132",
    link_to_nothing: "is a broken link",
    fifo: "is not a regular file",
    half_downloaded: r"the file is empty \(0 bytes\)",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("names", ["extension", "bare"])
def test_a_damaged_slice_is_named(
    dicom: SimpleNamespace,
    scan: Any,
    tmp_path: Path,
    damage: Callable[[Path], None],
    names: str,
) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    last = next(folder.glob("*_8.dcm"))
    if names == "bare":
        if damage in (link_to_nothing, fifo, half_downloaded):
            pytest.skip("only a DICOM extension makes such an entry an image")
        for file in sorted(folder.iterdir()):
            file.rename(file.with_suffix(""))
        last = last.with_suffix("")
    damage(last)
    for read in (read_volume, read_geometry):
        with pytest.raises(InputError, match=DAMAGES[damage]) as caught:
            read(folder)
        assert last.name in str(caught.value)


def test_a_slice_that_ends_before_its_class_is_known_is_named(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    """Without its last slice the series is even and complete: nothing else would show the loss."""
    folder = dicom.series(tmp_path / "scan", scan)
    last = next(folder.glob("*_8.dcm"))
    content = last.read_bytes()
    the_class = content.index(b"\x08\x00\x16\x00UI")
    ends = [*range(132, the_class, 29), *range(the_class, the_class + 36, 7)]
    for name in (last, last.with_suffix("")):
        last.unlink(missing_ok=True)
        for end in ends:
            name.write_bytes(content[:end])
            with pytest.raises(InputError, match="expected a complete DICOM image") as caught:
                read_geometry(folder)
            assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "damage", [empty, without_magic, cut_in_the_pixels], ids=lambda one: one.__name__
)
def test_a_damaged_member_is_named(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    last = next(folder.glob("*_8.dcm"))
    damage(last)
    archive = Path(shutil.make_archive(str(tmp_path / "scan"), "zip", folder))
    with pytest.raises(InputError, match=DAMAGES[damage]) as caught:
        read_volume(archive)
    assert f"scan.zip ({last.name})" in str(caught.value)


def test_a_member_with_a_wrong_checksum_is_named(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    archive = tmp_path / "scan.zip"
    with zipfile.ZipFile(archive, "w") as packed:  # stored, so that a pixel can be changed
        for file in sorted(folder.iterdir()):
            packed.write(file, file.name)
    content = bytearray(archive.read_bytes())
    content[content.index(scan.stored[3].tobytes())] ^= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"scan\.zip \(IM021_3\.dcm\): is damaged"):
        read_volume(archive)


def test_bystanders_are_passed_over(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    for name in ("a", "b"):
        (folder / name).mkdir()
    for file in sorted(folder.glob("*.dcm")):
        file.rename(folder / "a" / file.stem)
    bystanders = {
        "README.txt": b"read", "a/README": b"", "a/notes": "Größe".encode(), "a/Thumbs.db": b"\0",
        "a/._IM000_0": b"\0\5\x16\7", ".DS_Store": b"\0", "viewer.exe": b"MZ\0",
        "b/run": b"\x7fELF",
        "autorun.inf": b"", "a/preview.jpg": b"\xff\xd8",
    }  # fmt: skip
    for name, content in bystanders.items():
        (folder / name).write_bytes(content)
    np.testing.assert_array_equal(stored(folder), scan.stored)
    archive = Path(shutil.make_archive(str(tmp_path / "scan"), "zip", folder))
    np.testing.assert_array_equal(stored(archive), scan.stored)


def stored(path: Path, **options: Any) -> np.ndarray:
    volume = read_volume(path, **options)
    return volume.geometry.from_canonical(volume.array)


def test_objects_of_others_in_the_study_do_not_count(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    for name in ("test-SR.dcm", "rtplan.dcm"):
        shutil.copy(dicom.file(name), folder / name)
    np.testing.assert_array_equal(stored(folder), scan.stored)


@pytest.mark.parametrize("frames", [5, 12])
def test_number_of_frames_and_pixels_must_agree(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, frames: int
) -> None:
    path = tmp_path / "old.dcm"
    dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=frames).save_as(path)
    sentence = "NumberOfFrames is 5, which needs 660" if frames == 5 else "truncated, found 1188 "
    with pytest.raises(InputError, match=sentence):
        read_volume(path, spacing_mm=(1, 1, 1))


@pytest.mark.parametrize("frames", [5, 12])
@pytest.mark.parametrize("syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEGLSLossless])
def test_number_of_frames_and_compressed_frames_must_agree(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, frames: int, syntax: pydicom.uid.UID
) -> None:
    path = tmp_path / "old.dcm"
    dataset = dicom.dataset(dicom.US_MULTI_FRAME, scan.stored // 16, NumberOfFrames=9)
    dataset.compress(syntax)
    dataset.NumberOfFrames = frames
    dataset.save_as(path)
    with pytest.raises(InputError, match=f"NumberOfFrames is {frames} but .* hold 9 frames"):
        read_volume(path, spacing_mm=(1, 1, 1))


def test_compressed_data_that_are_cut_off(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    path = tmp_path / "old.dcm"
    dataset = dicom.dataset(dicom.US_MULTI_FRAME, scan.stored, NumberOfFrames=9)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"old\.dcm: its compressed data are truncated"):
        read_volume(path, spacing_mm=(1, 1, 1))


def test_an_acquisition_with_missing_images(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    folder = dicom.series(tmp_path / "scan", scan, ImagesInAcquisition=9)
    np.testing.assert_array_equal(stored(folder), scan.stored)
    next(folder.glob("*_8.dcm")).unlink()
    with pytest.raises(InputError, match="scan: holds 8 images but ImagesInAcquisition is 9"):
        read_volume(folder)


def test_numbers_order_images_without_positions(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def strip(index: int, dataset: Any) -> None:
        del dataset.ImagePositionPatient, dataset.ImageOrientationPatient, dataset.PixelSpacing
        dataset.InstanceNumber = 20 + index

    folder = dicom.series(tmp_path / "scan", scan, strip)
    np.testing.assert_array_equal(stored(folder, spacing_mm=(1, 1, 1)), scan.stored)
    with pytest.raises(InputError, match=r"is a series without positions .*--spacing SCAN,LATERAL"):
        read_volume(folder)
    next(folder.glob("*_4.dcm")).unlink()
    with pytest.raises(InputError, match="images are missing, InstanceNumber goes from 23 to 25"):
        read_volume(folder, spacing_mm=(1, 1, 1))


def test_a_part_of_a_concatenation_is_no_volume(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path
) -> None:
    def part(_: int, dataset: Any) -> None:
        dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = 1, 3

    path = dicom.enhanced(tmp_path / "part.dcm", scan, edit=part)
    with pytest.raises(InputError, match=r"part\.dcm: is one of 3 parts of a multi-frame image"):
        read_volume(path)


@pytest.fixture
def medium(dicom: SimpleNamespace, scan: Any, tmp_path: Path) -> Path:
    """A DICOMDIR with two series of one study."""
    fileset = FileSet()
    study = pydicom.uid.generate_uid()
    for name, number in (("a", 1), ("b", 2)):
        folder = dicom.series(tmp_path / name, scan, StudyInstanceUID=study, SeriesNumber=number)
        for file in sorted(folder.iterdir()):
            dataset = pydicom.dcmread(file)
            dataset.InstanceNumber = int(dataset.InstanceNumber)
            fileset.add(dataset)
    fileset.write(tmp_path / "medium")
    return tmp_path / "medium"


def test_a_file_that_dicomdir_lists_is_missing(medium: Path, scan: Any) -> None:
    victim = next(one for one in list_series(medium) if one.number == 1).locations[4].path
    victim.unlink()
    for path in (medium, medium / "DICOMDIR"):
        with pytest.raises(InputError, match="the series lacks 1 file ") as caught:
            read_volume(path, series="1")
        assert victim.name in str(caught.value)
        np.testing.assert_array_equal(stored(path, series="2"), scan.stored)
    archive = Path(shutil.make_archive(str(medium), "zip", medium))
    with pytest.raises(InputError, match="the series lacks 1 file "):
        read_volume(archive, series="1")


def test_a_truncated_dicomdir_is_refused(medium: Path, scan: Any) -> None:
    """Its other records make a shorter series."""
    directory = medium / "DICOMDIR"
    content = directory.read_bytes()
    for end in (*range(140, len(content), 301), len(content) - 1):
        directory.write_bytes(content[:end])
        for path in (medium, directory):
            with pytest.raises(InputError, match="DICOMDIR: ") as caught:
                read_geometry(path, series="2")
        assert end < 400 or "the file is truncated" in str(caught.value)
    directory.write_bytes(content + bytes(7))
    np.testing.assert_array_equal(stored(directory, series="2"), scan.stored)


def test_dicomdir_with_records_of_undefined_length(medium: Path, scan: Any) -> None:
    directory = medium / "DICOMDIR"
    dataset = pydicom.dcmread(directory)
    dataset["DirectoryRecordSequence"].is_undefined_length = True
    dataset.save_as(directory)
    content = directory.read_bytes()
    np.testing.assert_array_equal(stored(directory, series="2"), scan.stored)
    for end in range(1000, len(content), 301):
        directory.write_bytes(content[:end])
        with pytest.raises(InputError, match="DICOMDIR: "):
            read_geometry(directory, series="2")


def test_dicomdir_in_another_letter_case(medium: Path, scan: Any) -> None:
    for root, folders, files in os.walk(medium, topdown=False):
        for name in [*folders, *files]:
            if name != "DICOMDIR":
                (Path(root) / name).rename(Path(root) / name.lower())
    (medium / "DICOMDIR").rename(medium / "dicomdir")
    for path in (medium, medium / "dicomdir"):
        np.testing.assert_array_equal(stored(path, series="2"), scan.stored)


@pytest.mark.parametrize("parts", [["..", "a", "X"], ["/etc", "passwd"], ["A/B"]])
def test_dicomdir_that_leads_outside(medium: Path, parts: list[str]) -> None:
    directory = pydicom.dcmread(medium / "DICOMDIR")
    image = next(
        record for record in directory.DirectoryRecordSequence if "ReferencedFileID" in record
    )
    image["ReferencedFileID"]._value = parts  # as no writer would let it pass
    with pydicom.config.disable_value_validation():
        directory.save_as(medium / "DICOMDIR")
    for path in (medium, medium / "DICOMDIR"):
        with pytest.raises(InputError, match="expected names inside its folder"):
            read_volume(path, series="2")


def test_copies_of_images_are_used_once(
    dicom: SimpleNamespace, scan: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dicom.series(tmp_path / "scan", scan)
    (folder / "copy").mkdir()
    for file in sorted(folder.glob("*.dcm"))[:3]:
        shutil.copy(file, folder / "copy" / f"copy of {file.name}")
    np.testing.assert_array_equal(stored(folder), scan.stored)
    assert "scan: 3 files are copies of other files" in caplog.text

    def same(_: int, dataset: Any) -> None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"

    with pytest.raises(InputError, match=r"has the SOPInstanceUID of .* but different content"):
        read_volume(dicom.series(tmp_path / "other", scan, same))


@pytest.mark.parametrize("kept", [range(2, 9), range(0, 9, 2)])
def test_numbers_with_gaps_are_reported(
    dicom: SimpleNamespace, tmp_path: Path, scan: Any, kept: range, caplog: pytest.LogCaptureFixture
) -> None:
    """The first images, or every second one, are absent: the positions are even."""
    folder = dicom.series(tmp_path / "s", scan)
    for file in folder.iterdir():
        if int(file.stem.split("_")[1]) not in kept:
            file.unlink()
    assert len(read_volume(folder).array) == len(kept)
    (record,) = caplog.records
    numbers = f"holds {len(kept)} images with InstanceNumber {kept[0] + 1} to 9"
    assert record.getMessage().startswith(f"{folder}: {numbers}, as if others were missing")


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_a_series_is_of_one_patient(
    dicom: SimpleNamespace, tmp_path: Path, scan: Any, keyword: str
) -> None:
    def edit(index: int, dataset: Any) -> None:
        if index == 4:
            setattr(dataset, keyword, "1.2.3.4711")

    folder = dicom.series(tmp_path / "s", scan, edit)
    with pytest.raises(InputError, match=f"have 2 different values of {keyword}") as caught:
        read_volume(folder)
    assert "4711" not in str(caught.value)


def test_a_lookup_table_is_reported(
    dicom: SimpleNamespace, tmp_path: Path, scan: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dicom.series(tmp_path / "s", scan, ModalityLUTSequence=[pydicom.Dataset()])
    read_volume(folder)
    assert f"{folder}: its ModalityLUTSequence is not applied" in caplog.text
