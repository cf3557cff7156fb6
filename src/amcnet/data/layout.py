"""The nnU-Net raw layout: ``imagesTr/CASE_0000.nrrd``, ``labelsTr/CASE.nrrd``, ``dataset.json``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.anatomy import LabelTable, hand_label_table
from amcnet.errors import InputError


@dataclass(frozen=True)
class Case:
    """One labelled volume."""

    name: str
    images: tuple[Path, ...]  # one file a channel
    labels: Path


@dataclass(frozen=True)
class Dataset:
    """A data set on disk and the table of its labels."""

    folder: Path
    table: LabelTable
    cases: tuple[Case, ...]
    channels: tuple[str, ...] = ("image",)
    ignore_value: int | None = None  # as stored in the label files


def read_dataset(folder: Path) -> Dataset:
    """List the cases of a data set in the nnU-Net raw layout, sorted by name.

    Where the label names are those of the hand, the hand's own table (with kinds, neighbours and
    colours) is used.

    Raises:
        InputError: If the folder, ``dataset.json`` or a label file is missing or unusable.
    """
    description = _read_description(folder / "dataset.json", ("labels", "file_ending"))
    ending = description["file_ending"]
    images = sorted((folder / "imagesTr").glob(f"*_0000{ending}"))
    if not images:
        raise InputError(f"{folder / 'imagesTr'}: found no file *_0000{ending}, expected images")
    cases = []
    for image in images:
        name = image.name.removesuffix(f"_0000{ending}")
        labels = folder / "labelsTr" / f"{name}{ending}"
        if not labels.exists():
            raise InputError(f"{labels}: is missing, expected the labels of {image.name}")
        cases.append(Case(name, (image,), labels))
    return Dataset(folder, read_label_table(folder / "dataset.json"), tuple(cases))


def read_label_table(path: Path) -> LabelTable:
    """Return the labels that a ``dataset.json`` names; the hand's own table for the hand's names.

    Raises:
        InputError: If the file is missing or unusable, or values are not 1, 2, 3, ...
    """
    labels = _read_description(path, ("labels",))["labels"]
    if not isinstance(labels, dict) or not all(type(v) is int for v in labels.values()):
        raise InputError(f"{path}: labels are {labels!r}, expected names with whole numbers")
    by_value = {value: name for name, value in labels.items() if value != 0}
    if len(set(labels.values())) != len(labels):
        raise InputError(f"{path}: label values are {list(labels.values())}, expected no repeats")
    names = [by_value[value] for value in sorted(by_value)]
    if sorted(by_value) != list(range(1, len(names) + 1)):
        raise InputError(f"{path}: label values are {sorted(by_value)}, expected 1 to {len(names)}")
    hand = hand_label_table()
    return hand if names == [s.name for s in hand] else LabelTable.from_names(names)


def _read_description(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: is missing, expected the description of an nnU-Net data set")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is no readable JSON ({error})") from error
    if not isinstance(description, dict):
        raise InputError(f"{path}: holds {type(description).__name__}, expected an object")
    missing = [key for key in keys if key not in description]
    if missing:
        raise InputError(
            f"{path}: has no {' and no '.join(missing)}, expected {' and '.join(keys)}"
        )
    return description
