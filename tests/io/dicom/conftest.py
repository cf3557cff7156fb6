from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
ENHANCED_US = "1.2.840.10008.5.1.4.1.1.6.2"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"

PATIENT_NAME, PATIENT_ID = "Zebra^Quagga", "QX-4711-ZEBRA"


def _oblique() -> np.ndarray:
    """Three axes at right angles, none of them along an axis of the patient, as columns."""
    a, b = np.deg2rad(20), np.deg2rad(-35)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_z @ about_x


@dataclass
class Scan:
    """What a test writes as DICOM: stored voxels (z, y, x) and where they lie."""

    stored: np.ndarray
    spacing_mm: tuple[float, float, float] = (0.25, 0.4, 0.7)  # x, y, z
    origin_mm: tuple[float, float, float] = (-10.5, 20.25, 3.125)
    direction: np.ndarray = field(default_factory=_oblique)

    def position(self, index: int) -> list[float]:
        place = np.array(self.origin_mm) + index * self.spacing_mm[2] * self.direction[:, 2]
        return [round(float(value), 9) for value in place]

    @property
    def orientation(self) -> list[float]:
        cosines = np.concatenate([self.direction[:, 0], self.direction[:, 1]])
        return [round(float(value), 12) for value in cosines]

    @property
    def pixel_spacing(self) -> list[float]:
        return [self.spacing_mm[1], self.spacing_mm[0]]


@pytest.fixture
def scan() -> Scan:
    return Scan(np.random.default_rng(7).integers(0, 255, (9, 12, 11)).astype(np.uint8))


def new_dataset(sop_class: str, array: np.ndarray, **changes: Any) -> FileDataset:
    """Return an image of a patient with a distinctive name; the array is a frame or frames."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = PATIENT_NAME, PATIENT_ID
    dataset.PatientBirthDate, dataset.PatientSex = "20150317", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20240101", "101010", "77"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "ACC-ZEBRA", "Zebra^Doctor"
    dataset.Modality, dataset.SeriesNumber = "US", 3
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = array.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 8 * array.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(array.dtype.kind == "i")
    dataset.PixelData = array.tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


Edit = Callable[[int, Dataset], None]


def write_series(folder: Path, scan: Scan, edit: Edit | None = None, **changes: Any) -> Path:
    """Write a file for each slice, in an order that is not theirs; ``edit`` changes each."""
    folder.mkdir(parents=True, exist_ok=True)
    common = {
        keyword: generate_uid()
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    } | changes
    for index, frame in enumerate(scan.stored):
        dataset = new_dataset(US_IMAGE, frame, **common)
        dataset.ImagePositionPatient = scan.position(index)
        dataset.ImageOrientationPatient = scan.orientation
        dataset.PixelSpacing = scan.pixel_spacing
        dataset.InstanceNumber = index + 1
        if edit is not None:
            edit(index, dataset)
        dataset.save_as(folder / f"IM{(7 * index) % 97:03d}_{index}.dcm")
    return folder


def write_enhanced(
    path: Path, scan: Scan, order: list[int] | None = None, edit: Edit | None = None
) -> Path:
    """Write an Enhanced Ultrasound Volume; ``order`` says which slice each frame is."""
    order = list(range(len(scan.stored))) if order is None else order
    dataset = new_dataset(ENHANCED_US, scan.stored[order], NumberOfFrames=len(order))
    dataset.VolumeFrameOfReferenceUID = generate_uid()
    shared = Dataset()
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationVolume = scan.orientation
    measures.PixelSpacing, measures.SliceThickness = scan.pixel_spacing, scan.spacing_mm[2]
    shared.PlaneOrientationVolumeSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index in order:
        frame, position = Dataset(), Dataset()
        position.ImagePositionVolume = scan.position(index)
        frame.PlanePositionVolumeSequence = [position]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    if edit is not None:
        edit(0, dataset)
    dataset.save_as(path)
    return path


def pydicom_file(name: str) -> Path:
    """Return a file of those in pydicom's own wheel."""
    root = Path(pydicom.__file__).parent / "data" / "test_files"
    return root / name


@pytest.fixture
def dicom() -> SimpleNamespace:
    """What writes DICOM for a test."""
    return SimpleNamespace(
        Scan=Scan,
        dataset=new_dataset,
        series=write_series,
        enhanced=write_enhanced,
        file=pydicom_file,
        US_IMAGE=US_IMAGE,
        US_MULTI_FRAME=US_MULTI_FRAME,
        words=("Zebra", "Quagga", "QX-4711", "20150317", "ACC-ZEBRA"),
    )
