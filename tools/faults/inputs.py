"""Small inputs of the interrupted commands: volumes, a data set, a model, a run's configuration."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.bundle import BundleDescription, Provenance
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.data import Preprocessing
from amcnet.io import Geometry, write_image, write_labels
from amcnet.networks import Architecture, build_network

_SHAPE, _SPACING_MM = (10, 14, 12), (0.837, 1.3, 0.88)
_CONFIG = """
name = "blocks"
precision = "float32"
[data]
dataset = "{data}"
description = "blocks"
[preprocessing]
spacing_mm = [0.837, 1.3, 0.88]
[network]
num_classes = 3
width = 4
[sampling]
window = 4
[schedule]
steps = 4
steps_per_epoch = 2
checkpoint_steps = 1
[hardware]
workers = 0
"""
_SCALE = """
name = "tiny"
[data]
shape = [24, 32, 16]
variety = "complete"
training = 1
training_seed = 700000
unseen = 1
unseen_seed = 850000
[width]
amcnet = 2
unet = 2
[training]
precision = "float32"
[training.data]
fold = "all"
[training.preprocessing]
spacing_mm = [7.1, 4.2, 2.9]
[training.sampling]
window = 24
[training.schedule]
steps = 2
checkpoint_steps = 1
"""

_REFINEMENT = """
name = "refined-blocks"
refine = "{model}"
spacing_mm = [0.837, 1.3, 0.88]
widths = [4, 8]
[data]
dataset = "{data}"
description = "blocks"
[patches]
shape = [8, 8, 8]
[optimiser]
warmup_steps = 2
batch_size = 2
[schedule]
steps = 2
steps_per_epoch = 2
checkpoint_steps = 1
validation_windows = 2
"""

Run = Callable[[tuple[str, ...]], None]


def make_inputs(folder: Path, run: Run) -> None:
    """Write the inputs of all cases.

    Args:
        folder: Where to.
        run: Runs ``amcnet`` with some arguments.
    """
    rng = np.random.default_rng(5)
    grid = Geometry.canonical(_SHAPE, _SPACING_MM)
    labels = np.zeros(_SHAPE, np.uint8)
    for value in (1, 2, 5, 37):
        at = rng.integers(1, 6, 3)
        labels[tuple(slice(start, start + 4) for start in at)] = value
    table = hand_label_table()
    scan = rng.integers(0, 255, _SHAPE).astype(np.uint8)
    write_image(folder / "scan.nrrd", scan, grid)
    (folder / "scans").mkdir()
    for name in ("a", "b"):
        write_image(folder / "scans" / f"{name}.nrrd", scan, grid)
    _write_series(folder / "series", scan)
    write_labels(folder / "truth.nrrd", labels, grid, table)
    write_labels(folder / "hand.seg.nrrd", labels, grid, table)
    _write_data_set(folder / "set", rng, grid)
    _write_model(folder / "model", hand_label_table())
    _write_model(folder / "blocks", _blocks())
    refinement = _REFINEMENT.format(model=folder / "blocks", data=folder / "set")
    (folder / "refine.toml").write_text(refinement, encoding="utf-8")
    (folder / "run.toml").write_text(_CONFIG.format(data=folder / "prepared"), encoding="utf-8")
    (folder / "tiny.toml").write_text(_SCALE, encoding="utf-8")
    seg, truth = str(folder / "hand.seg.nrrd"), str(folder / "truth.nrrd")
    for arguments in (
        ("evaluate", truth, seg, "--json", str(folder / "evaluation.json")),
        ("prepare", str(folder / "set"), "-o", str(folder / "prepared")),
        ("models", "pack", str(folder / "model"), "-o", str(folder / "model.zip")),
    ):
        run(arguments)


def _write_series(folder: Path, scan: NDArray[np.uint8]) -> None:
    """Write a DICOM file for each slice."""
    folder.mkdir()
    uids = {
        keyword: generate_uid()
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    }
    for number, plane in enumerate(scan):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = UltrasoundImageStorage, generate_uid()
        image.PatientName, image.PatientID, image.Modality = "Nobody", "0", "US"
        image.InstanceNumber = number + 1
        image.ImagePositionPatient = [0, 0, number * _SPACING_MM[0]]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = list(_SPACING_MM[1:])
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.Rows, image.Columns = plane.shape
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
        image.PixelRepresentation, image.PixelData = 0, plane.tobytes()
        for keyword, uid in uids.items():
            setattr(image, keyword, uid)
        image.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)


def _write_data_set(folder: Path, rng: np.random.Generator, grid: Geometry) -> None:
    """Write two volumes with two bright blocks each."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    table = _blocks()
    names = table.values_by_name
    description = {"channel_names": {"0": "ultrasound"}, "labels": names, "file_ending": ".nrrd"}
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    labels = np.zeros(_SHAPE, np.uint8)
    labels[2:8, 1:6, 3:9] = 1
    labels[2:8, 8:13, 3:9] = 2
    for case in ("a", "b"):
        image = labels * 60 + rng.integers(0, 40, _SHAPE)
        write_image(folder / "imagesTr" / f"{case}_0000.nrrd", image.astype(np.uint8), grid)
        write_labels(folder / "labelsTr" / f"{case}.nrrd", labels, grid, table)


def _blocks() -> LabelTable:
    return LabelTable.from_names(["left block", "right block"])


def _write_model(folder: Path, table: LabelTable) -> None:
    """Write an untrained model, which runs in a moment."""
    architecture = Architecture(width=4, num_classes=table.num_classes)
    description = BundleDescription(
        name="tiny",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(spacing_mm=_SPACING_MM),
        window=8,
        labels=table.to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    write_bundle(folder, build_network(architecture), description)
