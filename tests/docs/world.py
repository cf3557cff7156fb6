"""A folder with every file that the documentation names, made of small phantoms."""

import json
import shutil
from pathlib import Path

import numpy as np

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.data import Preprocessing
from amcnet.io import Volume, read_labels, read_volume, write_image, write_labels
from amcnet.phantom import FULL_GRID, PhantomConfig, write_dataset
from amcnet.phantom.dataset import case_name
from amcnet.phantom.grids import PhantomGrid
from amcnet.workflows.evaluate.evaluation_run import evaluate_folders
from amcnet.workflows.output_files import write_json
from amcnet.workflows.segment.options import Job, SegmentOptions
from amcnet.workflows.segment.run import segment_files

from ..conftest import MakeBundle
from ..io.dicom.conftest import Scan, write_enhanced, write_series
from ..paper_tables.tiny_scale import SCALE
from .pages import ROOT

FIRST_SEED, HANDS = 900_000, 5  # as many as docs/own-data.md has folds
# The field of view of the paper's device in voxels of 1.7 x 1.6 x 1.1 mm.
SHAPE = (101, 85, 42)
GRID = PhantomGrid(
    SHAPE,
    tuple(extent / n for extent, n in zip(FULL_GRID.field_of_view_mm, SHAPE, strict=True)),  # type: ignore[arg-type]
)
ORGANS = LabelTable.from_names(["spleen", "liver"])
TINY = Preprocessing(spacing_mm=(1.7, 1.6, 1.1))


def build(world: Path, make_bundle: MakeBundle) -> None:
    """Fill a folder."""
    hands = world / "data" / "hands"
    hands.parent.mkdir()
    write_dataset(hands, HANDS, FIRST_SEED, PhantomConfig(GRID))
    shutil.copytree(hands, world / "data" / "mine")
    images = [_image(hands, number) for number in range(HANDS)]
    labels = [_labels(hands, number) for number in range(HANDS)]
    _write_volumes(world, images, labels[0])
    _write_labels(world, labels)
    _write_organs(world, images[0])
    _write_evaluations(world)
    _write_dicom(world, images, labels)
    _write_models(world, make_bundle)
    _write_probabilities(world, world / "fold0")
    (world / "mine.toml").write_text(SCALE, encoding="utf-8")
    shutil.copytree(ROOT / "examples", world / "examples")
    shutil.copytree(ROOT / "configs", world / "configs")


def _image(hands: Path, number: int) -> Volume:
    return read_volume(hands / "imagesTr" / f"{case_name(FIRST_SEED + number)}_0000.nrrd")


def _labels(hands: Path, number: int) -> Volume:
    return read_labels(hands / "labelsTr" / f"{case_name(FIRST_SEED + number)}.nrrd")


def _write_volumes(world: Path, images: list[Volume], labels: Volume) -> None:
    for name, image in (
        ("scan.nrrd", images[0]),
        ("demo/hand.nrrd", images[0]),
        ("scans/child_1.nrrd", images[1]),
        ("scans/child_2.nii.gz", images[2]),
        ("more.mha", images[3]),
        ("more/a.nii.gz", images[3]),
    ):
        (world / name).parent.mkdir(exist_ok=True)
        write_image(world / name, image.array, image.geometry)
    for name in ("scan.seg.nrrd", "demo/hand.seg.nrrd", "reference.seg.nrrd", "reference.nii.gz"):
        _write_hand(world / name, labels)


def _write_labels(world: Path, labels: list[Volume]) -> None:
    """Write folders of labels; what is no reference has moved by a voxel."""
    moved = [_moved(volume, lateral=1) for volume in labels]
    _write_hand(world / "prediction.seg.nrrd", moved[0])
    _write_hand(world / "more.nii.gz", labels[3])
    for folder in ("labels", "results", "references", "predictions", "others"):
        (world / folder).mkdir()
    _write_hand(world / "labels/a.nrrd", labels[0])
    _write_hand(world / "results/a.seg.nrrd", moved[0])
    _write_hand(world / "results/b.seg.nrrd", moved[1])
    for number, volume in enumerate(labels):
        _write_hand(world / f"references/hand_{number}.nii.gz", volume)
        _write_hand(world / f"predictions/hand_{number}.seg.nrrd", moved[number])
        _write_hand(world / f"others/hand_{number}.nrrd", _moved(volume, scan=1))


def _moved(volume: Volume, scan: int = 0, lateral: int = 0) -> Volume:
    array = np.roll(volume.array, (scan, lateral), axis=(0, 1))
    return Volume(array, volume.geometry)


def _write_hand(path: Path, volume: Volume) -> None:
    write_labels(path, volume.array, volume.geometry, hand_label_table())


def _write_organs(world: Path, image: Volume) -> None:
    """Write labels that are not of the hand, and the file that names them."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[20:60, 10:40, 5:30] = 1
    labels[30:80, 45:80, 8:36] = 2
    write_labels(world / "labels.nrrd", labels, image.geometry, ORGANS)
    write_labels(world / "spleen.nii.gz", labels % 2, image.geometry, ORGANS)
    names = {"background": 0} | ORGANS.values_by_name
    (world / "dataset.json").write_text(json.dumps({"labels": names}), encoding="utf-8")


def _write_evaluations(world: Path) -> None:
    ours, theirs = (
        evaluate_folders(world / "references", world / name) for name in ("predictions", "others")
    )
    for name in ("results.json", "ours.json", "scores.json"):
        write_json(world / name, ours)
    write_json(world / "theirs.json", theirs)


def _write_dicom(world: Path, images: list[Volume], labels: list[Volume]) -> None:
    """Write a visit of one series, a folder of two with labels of one, and multi-frame files."""
    write_series(world / "visit", _scan(images[0]))
    for number in (1, 2):
        write_series(
            world / "dicom-folder" / str(number), _scan(images[number]), SeriesNumber=number
        )
    geometry = read_volume(world / "dicom-folder", series="2").geometry
    write_labels(world / "scan.dcm", labels[2].array, geometry, hand_label_table())
    (world / "volumes").mkdir()
    for number in (1, 2):
        write_enhanced(world / "volumes" / f"child_{number}.dcm", _scan(images[number]))


def _scan(image: Volume) -> Scan:
    return Scan(image.array, GRID.spacing_mm[::-1], direction=np.eye(3))


def _write_models(world: Path, make_bundle: MakeBundle) -> None:
    model = make_bundle("children", preprocessing=TINY)
    for name in ("runs/children/model", "fold0", "fold2"):
        shutil.copytree(model, world / name)
    shutil.copytree(make_bundle("other", seed=2, preprocessing=TINY), world / "fold1")


def _write_probabilities(world: Path, model: Path) -> None:
    """Write what ``--save-probabilities`` leaves beside the labels of scan.nrrd."""
    beside = world / "beside"
    beside.mkdir()
    options = SegmentOptions(models=(str(model),), probabilities=True)
    jobs = [Job(world / "scan.nrrd", beside / "scan.seg.nrrd")]
    assert [outcome.error for outcome in segment_files(jobs, options)] == [None]
    for path in beside.glob("scan.probabilities.*"):
        path.rename(world / path.name)
    shutil.rmtree(beside)
