"""Prepared cases on disk: Zarr arrays that are read slab by slab.

A prepared data set is a folder with ``prepared.json`` (settings and list of cases) and one Zarr
group per case under ``cases/``. All files have checksums, which are verified on reading, see
:mod:`amcnet.data.checked_zarr`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from amcnet.anatomy import LabelTable, own_table_of
from amcnet.data.checked_zarr import (
    CHECKSUM_FILE,
    ArrayToWrite,
    Checksums,
    digest_of,
    is_intact,
    open_group,
    read_checksums,
    write_group,
)
from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import InputError
from amcnet.io.atomic_files import write_atomically
from amcnet.io.atomic_folders import new_folder, put_in_place
from amcnet.io.small_files import read_small_file

DESCRIPTION_FILE = "prepared.json"
CASE_FOLDER = "cases"
FORMAT = 2

_ARRAYS = ("image", "labels", "counts")
_SUFFIX = ".zarr"
_MOST_CLASSES = 256
_CHUNK_SLICES = 8  # a window of 16 slices touches at most three chunks

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class PreparedCase:
    """A case on the network's grid, on disk.

    Attributes:
        name: Name of the case.
        folder: Its Zarr group.
        shape: (scan, lateral, depth) on the network's grid.
        counts: Number of voxels of every class in every slice, (scan, class), without ignored
            voxels.
        checksums: Checksums of the group's files.
    """

    name: str
    folder: Path
    shape: tuple[int, int, int]
    counts: NDArray[np.int32]
    checksums: Checksums = field(default=Checksums(origin="", files={}), repr=False, compare=False)

    def slab(self, start: int, length: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Read consecutive slices; if the volume is too short, its last slice is repeated.

        Returns:
            Image (channel, scan, lateral, depth) and labels (scan, lateral, depth), ``length``
            slices from ``start``.

        Raises:
            InputError: If a chunk is missing or damaged.
        """
        arrays = open_group(self.folder, self.checksums, ("image", "labels"))
        part = slice(start, start + length)
        try:
            image = np.asarray(arrays["image"][:, part], np.float32)
            labels = np.asarray(arrays["labels"][part])
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{self.folder}: cannot be decoded ({error})") from error
        return _lengthen(image, length, axis=1), _lengthen(labels, length, axis=0)


class PreparedDescription(BaseModel):
    """``prepared.json``.

    Attributes:
        format: Version of the layout.
        labels: The label table as plain data.
        channels: Names of the image's channels.
        preprocessing: Resampling and normalisation of every volume.
        cases: Name of each case -> checksum of its list of checksums.
        checksum: Checksum of the other fields, filled in by :func:`write_prepared_description`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    labels: list[dict[str, Any]]
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    cases: dict[str, str]
    checksum: str = ""

    @property
    def expected_checksum(self) -> str:
        """Checksum of all fields except ``checksum``."""
        return digest_of(self.model_dump_json(exclude={"checksum"}).encode())


class _AnyFormat(BaseModel):
    format: int


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared data set on disk."""

    folder: Path
    table: LabelTable
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    cases: tuple[PreparedCase, ...]


def is_prepared(folder: Path) -> bool:
    """Return whether a folder holds a prepared data set."""
    return (folder / DESCRIPTION_FILE).is_file()


def case_folder(folder: Path, name: str) -> Path:
    """Return the folder of a case of the prepared data set in ``folder``."""
    return folder / CASE_FOLDER / f"{name}{_SUFFIX}"


def open_prepared(folder: Path) -> PreparedDataset:
    """Open a prepared data set.

    Raises:
        InputError: If it is missing, damaged, incomplete, or has another version of the layout.
    """
    path = folder / DESCRIPTION_FILE
    description = _read_description(path)
    cases = []
    for name, checksum in description.cases.items():
        if not name or set(name) & set("/\\\0") or name in {".", ".."}:
            raise InputError(f"{path}: lists the case {name!r}, expected a plain name")
        group = case_folder(folder, name)
        if checksum_of_case(group) != checksum:
            raise InputError(
                f"{group}: is damaged or is not the case that was prepared: the checksum of its "
                f"{CHECKSUM_FILE} differs from {DESCRIPTION_FILE}, prepare the data again"
            )
        cases.append(open_case(group))
    try:
        table = own_table_of(LabelTable.from_dicts(description.labels))
    except (InputError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: labels are unusable: {error}") from error
    return PreparedDataset(
        folder, table, description.channels, description.preprocessing, tuple(cases)
    )


def _read_description(path: Path) -> PreparedDescription:
    expected = "expected a prepared data set (amcnet prepare)"
    try:
        content = read_small_file(path, "a prepared data set (amcnet prepare)")
        found = _AnyFormat.model_validate_json(content).format
        if found != FORMAT:
            raise InputError(
                f"{path}: has format {found}, expected {FORMAT}: prepare the data again"
            )
        description = PreparedDescription.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path}: cannot be read, {expected}") from error
    if description.checksum != description.expected_checksum:
        raise InputError(f"{path}: is damaged or was edited, prepare the data again")
    return description


def write_prepared_description(folder: Path, description: PreparedDescription) -> None:
    """Write ``prepared.json``, which marks the data set as complete."""
    described = description.model_copy(update={"checksum": description.expected_checksum})
    write_atomically(folder / DESCRIPTION_FILE, described.model_dump_json(indent=1))


def open_case(folder: Path) -> PreparedCase:
    """Open one prepared case.

    Raises:
        InputError: If it is missing or damaged, or was not written by this package.
    """
    checksums = read_checksums(folder)
    arrays = open_group(folder, checksums, _ARRAYS)
    dimensions = [arrays[name].ndim for name in _ARRAYS]
    scan, lateral, depth = arrays["labels"].shape if dimensions == [4, 3, 2] else (0, 0, 0)
    if arrays["image"].shape[1:] != (scan, lateral, depth) or arrays["counts"].shape[0] != scan:
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in _ARRAYS)
        raise InputError(f"{folder}: holds {shapes}, expected arrays on one grid")
    classes = arrays["counts"].shape[1]
    if classes > _MOST_CLASSES:
        raise InputError(f"{folder}: counts {classes} classes, expected at most {_MOST_CLASSES}")
    try:
        counts = np.asarray(arrays["counts"][:], np.int32)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: cannot be decoded ({error})") from error
    name = folder.name.removesuffix(_SUFFIX)
    return PreparedCase(name, folder, (scan, lateral, depth), counts, checksums)


def checksum_of_case(folder: Path) -> str | None:
    """Return the checksum of a case's list of checksums; None if it has no list."""
    path = folder / CHECKSUM_FILE
    return digest_of(read_small_file(path, "checksums")) if path.exists() else None


def is_up_to_date(folder: Path, origin: str) -> bool:
    """Return whether a case was made from ``origin`` and is intact; all its files are read."""
    try:
        checksums = read_checksums(folder)
    except InputError:
        return False
    if checksums.origin != origin or not is_intact(folder, checksums):
        return False
    try:
        open_case(folder)
    except InputError:
        return False
    return True


def write_prepared_case(
    folder: Path,
    image: NDArray[np.float32],
    labels: NDArray[np.uint8],
    num_classes: int,
    origin: str,
) -> None:
    """Write a case atomically, replacing an existing one.

    Args:
        folder: Zarr group to write.
        image: (channel, scan, lateral, depth), normalised; stored in 16 bits.
        labels: (scan, lateral, depth).
        num_classes: Number of classes, including background; higher label values are not counted.
        origin: Text that changes with everything that determines the arrays.
    """
    slices = min(_CHUNK_SLICES, len(labels))
    counts = _counts(labels, num_classes)
    arrays = {
        # Speckle hardly compresses, so speed decides; labels are mostly long runs of one value.
        "image": ArrayToWrite(
            image.astype(np.float16), (len(image), slices, *image.shape[2:]), compressor="lz4"
        ),
        "labels": ArrayToWrite(labels, (slices, *labels.shape[1:])),
        "counts": ArrayToWrite(counts, counts.shape),
    }
    with new_folder(folder) as temporary:
        write_group(temporary, arrays, origin)
        put_in_place(temporary, folder)


def _counts(labels: NDArray[np.uint8], num_classes: int) -> NDArray[np.int32]:
    planes = labels.reshape(len(labels), -1)
    return np.stack([np.bincount(p, minlength=256)[:num_classes] for p in planes]).astype(np.int32)


def _lengthen(part: NDArray[_Scalar], length: int, axis: int) -> NDArray[_Scalar]:
    missing = length - part.shape[axis]
    if missing <= 0:
        return part
    last = part.take([-1], axis=axis)
    return np.concatenate([part, last.repeat(missing, axis=axis)], axis=axis)
