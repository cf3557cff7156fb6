"""Data sets on disk: nnU-Net's and the Decathlon's layouts, or folders of images and labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.data.label_files import (
    LabelNames,
    looks_like_snap,
    read_dataset_json,
    read_label_file,
    table_of_names,
)
from amcnet.data.listed_cases import decathlon_cases, listed_cases
from amcnet.data.pairing import EXPECTED, nnunet_pairs, plain_pairs
from amcnet.data.pairing import Case as Case
from amcnet.data.pairing import FoundCases as FoundCases
from amcnet.errors import InputError, count_text
from amcnet.io import BY_HEADER, Reading, read_segments
from amcnet.io.path_lists import AnyPath
from amcnet.io.plain_names import plain_name

_DESCRIPTION = "dataset.json"


@dataclass(frozen=True)
class Dataset:
    """A data set on disk and the table of its labels.

    Attributes:
        folder: Folder of the data set.
        table: Names of the label values.
        cases: The cases, sorted by name.
        channels: Names of the images of each case, in order.
        ignore_value: Value of ignored voxels in the label files.
        reading: How the files are read.

    Example:
        >>> from amcnet.anatomy import LabelTable
        >>> Dataset(Path("knees"), LabelTable.from_names(["femur"]), ()).channels
        ('image',)
    """

    folder: Path
    table: LabelTable
    cases: tuple[Case, ...]
    channels: tuple[str, ...] = ("image",)
    ignore_value: int | None = None
    reading: Reading = BY_HEADER


def read_dataset(folder: AnyPath, labels: AnyPath | None = None) -> Dataset:
    """Read the cases and label names of a data set; no voxels are read.

    A folder with a ``dataset.json`` and ``imagesTr`` is read as in nnU-Net (v1 and v2) and the
    Medical Segmentation Decathlon; if a ``dataset.json`` lists its files, the list is used; for
    other folders see :func:`amcnet.data.pairing.plain_pairs`.
    Label names: see :func:`find_dataset_label_names`.

    Args:
        folder: Folder of the data set.
        labels: A ``dataset.json`` or ITK-SNAP file that names the labels.

    Raises:
        InputError: At the first problem, such as an image without labels, or if label names are
            missing.

    Example:
        >>> import numpy as np
        >>> from amcnet.anatomy import LabelTable
        >>> from amcnet.io import Geometry, write_image, write_labels
        >>> grid = Geometry.canonical((4, 4, 4), (1.0, 1.0, 1.0))
        >>> for name in ("images", "labels"):
        ...     Path("knees", name).mkdir(parents=True)
        >>> ones = np.ones((4, 4, 4), np.uint8)
        >>> write_image("knees/images/knee_1.nrrd", ones, grid)
        >>> table = LabelTable.from_names(["femur"])
        >>> write_labels("knees/labels/knee_1.seg.nrrd", ones, grid, table)
        >>> [case.name for case in read_dataset(Path("knees")).cases]
        ['knee_1']
    """
    root, given = Path(folder), None if labels is None else Path(labels)
    found = find_cases(root)
    if errors := [problem for problem in found.problems if problem.severity == "error"]:
        problem = errors[0]
        raise InputError(f"{root}: case {problem.case}: {problem.what}")
    names = find_dataset_label_names(root, found.cases, given)
    return make_dataset(root, found, names)


def make_dataset(folder: Path, found: FoundCases, names: LabelNames) -> Dataset:
    """Make a data set of the cases and label names found; ``dataset.json`` names the channels.

    Raises:
        InputError: If ``dataset.json`` names more or fewer channels than the cases have.
    """
    channels = _channel_names(folder)
    count = len(found.cases[0].images) if found.cases else len(channels or ("image",))
    if channels is None:
        channels = tuple(f"channel {i}" for i in range(count)) if count > 1 else ("image",)
    if len(channels) != count:
        raise InputError(
            f"{folder / _DESCRIPTION}: names {count_text(len(channels), 'channel')}, expected "
            f"{count} as in the cases"
        )
    return Dataset(folder, names.table, found.cases, channels, names.ignore_value)


def find_cases(folder: Path) -> FoundCases:
    """Pair images and labels, and collect files without a partner as problems.

    Raises:
        InputError: If the folder does not exist, holds no data set, or has an unusable
            ``dataset.json``.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder, {EXPECTED}")
    if not _is_nnunet(folder):
        return plain_pairs(folder)
    path, description = folder / _DESCRIPTION, _description(folder)
    if "dataset" in description:
        return listed_cases(path, description)
    if "file_ending" not in description:  # Medical Segmentation Decathlon, nnU-Net v1
        listed = "training" in description
        return decathlon_cases(path, description) if listed else plain_pairs(folder)
    ending = description["file_ending"]
    if not isinstance(ending, str) or not ending.startswith("."):
        raise InputError(f"{folder / _DESCRIPTION}: file_ending is {ending!r}, expected '.nrrd'")
    channels = _channel_names(folder)
    found = nnunet_pairs(folder, ending, None if channels is None else len(channels))
    if not found.cases and not found.problems:
        raise InputError(f"{folder / 'imagesTr'}: found no file *_0000{ending}, expected images")
    return found


def find_dataset_label_names(
    folder: Path, cases: tuple[Case, ...], labels: Path | None = None
) -> LabelNames:
    """Return the names of a data set's label values.

    The first available source applies: ``labels``; ``dataset.json`` in the folder; the only
    ITK-SNAP label description (``.txt``, ``.label``) there; the segment names in order of first
    appearance, if all label files are 3D Slicer segmentations.

    Raises:
        InputError: If none of these exists, or it is unusable.
    """
    if labels is not None:
        return read_label_file(labels)
    if (folder / _DESCRIPTION).exists():
        return read_label_file(folder / _DESCRIPTION)
    described = sorted(path for path in folder.iterdir() if _is_label_description(path))
    if len(described) > 1:
        listed = " and ".join(path.name for path in described)
        raise InputError(f"{folder}: has the label descriptions {listed}, expected one")
    if described:
        return read_label_file(described[0])
    names = _segment_names(cases)
    if not names:
        raise InputError(
            f"{folder}: nothing states what the labels mean, expected a dataset.json or an "
            "ITK-SNAP label description in the folder or by --labels, or 3D Slicer segmentations"
        )
    try:
        return LabelNames(table_of_names(names))
    except InputError as error:
        raise InputError(f"{folder}: segments of the label files: {error}") from error


def _segment_names(cases: tuple[Case, ...]) -> list[str]:
    """Return the distinct segment names of all label files; none if a file has no segments."""
    names: dict[str, str] = {}
    for case in cases:
        try:
            segments = read_segments(case.labels)
        except InputError:
            continue  # reported when the voxels are read
        if not segments:
            return []
        for segment in segments:
            names.setdefault(plain_name(segment.name), " ".join(segment.name.split()))
    return list(names.values())


def _is_label_description(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    kind = path.suffix.lower()
    return kind == ".label" or (kind == ".txt" and looks_like_snap(path))


def _is_nnunet(folder: Path) -> bool:
    if not (folder / _DESCRIPTION).exists():
        return False
    marks = {"file_ending", "dataset", "training"}
    return (folder / "imagesTr").is_dir() or not marks.isdisjoint(_description(folder))


def _description(folder: Path, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    return read_dataset_json(folder / _DESCRIPTION, keys)


def _channel_names(folder: Path) -> tuple[str, ...] | None:
    """Return the channel names of ``dataset.json`` in order; None if it has none."""
    if not (folder / _DESCRIPTION).exists():
        return None
    description = _description(folder)
    names = description.get("channel_names", description.get("modality"))
    if names is None:
        return None
    keys = [str(channel) for channel in range(len(names))] if isinstance(names, dict) else []
    if not keys or set(names) != set(keys):
        raise InputError(
            f"{folder / _DESCRIPTION}: channel_names are {names!r}, expected names of '0', '1', ..."
        )
    return tuple(str(names[key]) for key in keys)
