"""Small intact files of every readable format, and the commands that read them."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, read_volume, write_image, write_labels

SHAPE = (10, 14, 12)
SPACING_MM = (0.837, 1.3, 0.88)
_HAND = ("--labels", "hand")
GRID = Geometry.canonical(SHAPE, SPACING_MM)
_US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
_ENHANCED_US = "1.2.840.10008.5.1.4.1.1.6.2"


@dataclass(frozen=True)
class Target:
    """A file to damage, and a command that reads it.

    Attributes:
        format: Name in the results.
        number: Index among all targets, which identifies it.
        folder: All files of the input; a copy of it is damaged.
        file: The file to damage, relative to the folder.
        command: Arguments of `amcnet`; ``{0}`` stands for the copied folder, ``{1}`` for the output
            folder.
    """

    format: str
    folder: Path
    file: str
    command: tuple[str, ...]
    number: int = 0


def make_targets(folder: Path) -> list[Target]:
    """Write intact files into a folder; return all pairs of a format and a command."""
    targets = []
    images, labels = folder / "images", folder / "labels"
    for name, write in _WRITERS.items():
        for kind, root in (("image", images), ("labels", labels)):
            (root / name).mkdir(parents=True)
            write(root / name, _voxels(kind))
    for name, (entry, file) in _IMAGES.items():
        command = ("segment", f"{{0}}/{entry}", "-o", "{1}/out.nrrd", "--quality", "fast")
        targets.append(Target(name, images / name, file, (*command, "--backend", "openvino")))
    _write_segmentations(labels, images / "dicom series")
    write_labels(labels / "truth.nrrd", _voxels("labels"), GRID, hand_label_table())
    truth = str(labels / "truth.nrrd")
    for name, (entry, file) in _LABELS.items():
        path = labels / name
        targets.append(Target(name, path, file, ("measure", f"{{0}}/{entry}", *_HAND)))
        targets.append(Target(name, path, file, ("evaluate", truth, f"{{0}}/{entry}", *_HAND)))
        targets.append(Target(name, path, file, ("evaluate", f"{{0}}/{entry}", truth, *_HAND)))
    targets += _label_table_targets(folder, truth) + _dataset_targets(folder)
    return [replace(target, number=number) for number, target in enumerate(targets)]


def _voxels(kind: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    if kind == "image":
        return rng.integers(0, 255, SHAPE).astype(np.uint8)
    labels = np.zeros(SHAPE, np.uint8)
    for value in (1, 2, 5, 37):
        place = rng.integers(1, 6, 3)
        labels[tuple(slice(p, p + 4) for p in place)] = value
    return labels


def _itk(voxels: np.ndarray) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(SPACING_MM[::-1])
    return image


def _single(name: str, compress: bool) -> Callable[[Path, np.ndarray], None]:
    def write(folder: Path, voxels: np.ndarray) -> None:
        SimpleITK.WriteImage(_itk(voxels), str(folder / name), compress)

    return write


def _float_nifti(folder: Path, voxels: np.ndarray) -> None:
    SimpleITK.WriteImage(_itk(voxels.astype(np.float32)), str(folder / "v.nii"))


def _series(folder: Path, voxels: np.ndarray) -> None:
    for index, plane in enumerate(voxels):
        dataset = _dicom(_US_IMAGE, plane, f"1.2.3.{index + 1}")
        dataset.ImagePositionPatient = [0, 0, index * SPACING_MM[0]]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [SPACING_MM[1], SPACING_MM[2]]
        dataset.InstanceNumber = index + 1
        dataset.save_as(folder / f"{index:02d}.dcm", enforce_file_format=True)


def _enhanced(folder: Path, voxels: np.ndarray) -> None:
    from pydicom.dataset import Dataset

    dataset = _dicom(_ENHANCED_US, voxels, "1.2.3.1")
    dataset.NumberOfFrames = len(voxels)
    dataset.VolumeFrameOfReferenceUID = "1.2.3.4.5"
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationVolume = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [SPACING_MM[1], SPACING_MM[2]]
    measures.SliceThickness = SPACING_MM[0]
    shared.PlaneOrientationVolumeSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for index in range(len(voxels)):
        frame, position = Dataset(), Dataset()
        position.ImagePositionVolume = [0, 0, index * SPACING_MM[0]]
        frame.PlanePositionVolumeSequence = [position]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.save_as(folder / "v.dcm", enforce_file_format=True)


def _compressed(syntax: str, plugin: str) -> Callable[[Path, np.ndarray], None]:
    def write(folder: Path, voxels: np.ndarray) -> None:
        import pydicom

        _enhanced(folder, voxels)
        dataset = pydicom.dcmread(folder / "v.dcm")
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        dataset.save_as(folder / "v.dcm")

    return write


def _jpeg_2000(folder: Path, voxels: np.ndarray) -> None:
    import pydicom
    from PIL import Image

    _enhanced(folder, voxels)
    frames = []
    for plane in voxels:
        stream = io.BytesIO()
        Image.fromarray(plane).save(stream, "JPEG2000", no_jp2=True)
        frames.append(stream.getvalue())
    dataset = pydicom.dcmread(folder / "v.dcm")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    dataset.PixelData = pydicom.encaps.encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset.save_as(folder / "v.dcm")


def _archive(folder: Path, voxels: np.ndarray) -> None:
    _series(folder, voxels)
    files = sorted(folder.glob("*.dcm"))
    with zipfile.ZipFile(folder / "v.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    for file in files:
        file.unlink()


def _dicom(sop_class: str, array: np.ndarray, uid: str) -> "object":
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.PatientName, dataset.PatientID, dataset.Modality = "A^B", "7", "US"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.4", "1.2.5"
    dataset.FrameOfReferenceUID = "1.2.6"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = array.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = array.tobytes()
    return dataset


_WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "nii": _single("v.nii", False),
    "nii float": _float_nifti,
    "nii.gz": _single("v.nii.gz", True),
    "nrrd": _single("v.nrrd", True),
    "nrrd raw": _single("v.nrrd", False),
    "nhdr": _single("v.nhdr", False),
    "mha": _single("v.mha", True),
    "mha raw": _single("v.mha", False),
    "mhd": _single("v.mhd", False),
    "dicom series": _series,
    "dicom enhanced": _enhanced,
    "dicom zip": _archive,
    "dicom rle": _compressed("1.2.840.10008.1.2.5", "pydicom"),
    "dicom jpeg-ls": _compressed("1.2.840.10008.1.2.4.80", "pyjpegls"),
    "dicom jpeg 2000": _jpeg_2000,
}
# Format -> input of the command, and the file that is damaged.
_FILES = {
    "nii": ("v.nii", "v.nii"),
    "nii float": ("v.nii", "v.nii"),
    "nii.gz": ("v.nii.gz", "v.nii.gz"),
    "nrrd": ("v.nrrd", "v.nrrd"),
    "nrrd raw": ("v.nrrd", "v.nrrd"),
    "nhdr": ("v.nhdr", "v.nhdr"),
    "mha": ("v.mha", "v.mha"),
    "mha raw": ("v.mha", "v.mha"),
    "mhd": ("v.mhd", "v.mhd"),
}
_IMAGES = _FILES | {
    "dicom series": ("", "03.dcm"),
    "dicom enhanced": ("v.dcm", "v.dcm"),
    "dicom zip": ("v.zip", "v.zip"),
    "dicom rle": ("v.dcm", "v.dcm"),
    "dicom jpeg-ls": ("v.dcm", "v.dcm"),
    "dicom jpeg 2000": ("v.dcm", "v.dcm"),
}
_LABELS = _FILES | {
    "seg.nrrd": ("v.seg.nrrd", "v.seg.nrrd"),
    "dicom seg": ("v.dcm", "v.dcm"),
    "dicom seg labelmap": ("v.dcm", "v.dcm"),
}


def _write_segmentations(labels: Path, series: Path) -> None:
    table, voxels = hand_label_table(), _voxels("labels")
    for name in ("seg.nrrd", "dicom seg", "dicom seg labelmap"):
        (labels / name).mkdir()
    write_labels(labels / "seg.nrrd" / "v.seg.nrrd", voxels, GRID, table)
    geometry = read_volume(series).geometry
    write_labels(labels / "dicom seg" / "v.dcm", voxels, geometry, table)
    path = labels / "dicom seg labelmap" / "v.dcm"
    write_labels(path, voxels, geometry, table, seg_type="labelmap")


def _label_table_targets(folder: Path, truth: str) -> list[Target]:
    names = folder / "names"
    names.mkdir()
    table = hand_label_table()
    (names / "dataset.json").write_text(json.dumps({"labels": table.values_by_name}))
    rows = (f'{s.value} {" ".join(map(str, s.color_rgb))} 1 1 1 "{s.name}"\n' for s in table)
    (names / "names.txt").write_text('0 0 0 0 0 0 0 "Clear Label"\n' + "".join(rows))
    measure = ("measure", truth, "--labels")
    return [
        Target("dataset.json", names, "dataset.json", (*measure, "{0}/dataset.json")),
        Target("label description", names, "names.txt", (*measure, "{0}/names.txt")),
    ]


def _dataset_targets(folder: Path) -> list[Target]:
    root = folder / "dataset"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    table = hand_label_table()
    for case, image in (("a", _voxels("image")), ("b", 255 - _voxels("image"))):
        write_image(root / "imagesTr" / f"{case}_0000.nrrd", image, GRID)
        write_labels(root / "labelsTr" / f"{case}.nrrd", _voxels("labels"), GRID, table)
    description = {
        "channel_names": {"0": "ultrasound"},
        "labels": table.values_by_name,
        "numTraining": 2,
        "file_ending": ".nrrd",
    }
    (root / "dataset.json").write_text(json.dumps(description))
    command = ("prepare", "{0}", "--check")
    files = ("dataset.json", "imagesTr/a_0000.nrrd", "labelsTr/a.nrrd")
    targets = [Target(f"data set, {Path(f).parts[0]}", root, f, command) for f in files]
    nifti = folder / "dataset of nifti"
    shutil.copytree(root, nifti)
    for path in list(nifti.rglob("*.nrrd")):
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(path.with_suffix(".nii.gz")))
        path.unlink()
    (nifti / "dataset.json").write_text(json.dumps(description | {"file_ending": ".nii.gz"}))
    for file in ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"):
        targets.append(Target(f"data set of nifti, {Path(file).parts[0]}", nifti, file, command))
    return targets
