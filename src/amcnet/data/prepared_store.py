"""Prepared cases on disk: Zarr arrays that are read slab by slab, never whole.

A prepared data set is a folder with ``prepared.json`` (what was done, and which cases there are)
and one Zarr group per case under ``cases/``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from amcnet.anatomy import LabelTable
from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import InputError
from amcnet.io import atomic_path
from amcnet.io.atomic_folders import new_folder, put_in_place

DESCRIPTION_FILE = "prepared.json"
CASE_FOLDER = "cases"
FORMAT = 1

_CHUNK = 8  # slices; a window of 16 touches three chunks at most

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class PreparedCase:
    """A case on the network's grid, on disk.

    Attributes:
        name: Name of the case.
        folder: Its Zarr group.
        shape: (scan, lateral, depth) on the network's grid.
        counts: Voxels of every class in every slice, (scan, class); ignored voxels are in none.
    """

    name: str
    folder: Path
    shape: tuple[int, int, int]
    counts: NDArray[np.int32]

    def slab(self, start: int, length: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Read some slices; a volume that is too short repeats its last slice.

        Returns:
            Image (channel, scan, lateral, depth) and labels (scan, lateral, depth), of
            ``length`` slices from ``start`` on.
        """
        import zarr

        group = zarr.open_group(self.folder, mode="r")
        image: Any = group["image"]
        labels: Any = group["labels"]
        part = slice(start, start + length)
        return (
            _lengthen(np.asarray(image[:, part], np.float32), length, axis=1),
            _lengthen(np.asarray(labels[part]), length, axis=0),
        )


class PreparedDescription(BaseModel):
    """``prepared.json``.

    Attributes:
        format: Version of the layout.
        labels: The label table as plain data.
        channels: Names of the image's channels.
        preprocessing: What was done to every volume.
        cases: Names of the cases.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    labels: list[dict[str, Any]]
    channels: tuple[str, ...]
    preprocessing: Preprocessing
    cases: tuple[str, ...]


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


def open_prepared(folder: Path) -> PreparedDataset:
    """Open a prepared data set; voxels are read when they are asked for.

    Raises:
        InputError: If it is incomplete or was written by another version.
    """
    path = folder / DESCRIPTION_FILE
    try:
        description = PreparedDescription.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{path}: cannot be read, expected a prepared data set") from error
    if description.format != FORMAT:
        raise InputError(f"{path}: has format {description.format}, expected {FORMAT}")
    cases = tuple(open_case(folder / CASE_FOLDER / f"{name}.zarr") for name in description.cases)
    table = LabelTable.from_dicts(description.labels)
    return PreparedDataset(folder, table, description.channels, description.preprocessing, cases)


def write_description(folder: Path, description: PreparedDescription) -> None:
    """Write ``prepared.json``: from then on the data set counts as complete."""
    with atomic_path(folder / DESCRIPTION_FILE) as temporary:
        temporary.write_text(description.model_dump_json(indent=1), encoding="utf-8")


def open_case(folder: Path) -> PreparedCase:
    """Open one prepared case.

    Raises:
        InputError: If it is missing or damaged.
    """
    import zarr

    try:
        group = zarr.open_group(folder, mode="r")
        counts = np.asarray(group["counts"][:], np.int32)  # type: ignore[index]
        scan, lateral, depth = group["labels"].shape  # type: ignore[union-attr]
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{folder}: cannot be read, expected a prepared case") from error
    return PreparedCase(folder.name.removesuffix(".zarr"), folder, (scan, lateral, depth), counts)


def case_digest(folder: Path) -> str | None:
    """Return what :func:`write_case` was told of a case's origin; None where there is no case."""
    import zarr

    if not (folder / "zarr.json").is_file():
        return None
    return str(zarr.open_group(folder, mode="r").attrs.get("digest"))


def write_case(
    folder: Path,
    image: NDArray[np.float32],
    labels: NDArray[np.uint8],
    num_classes: int,
    digest: str,
) -> None:
    """Write a case, beside and then renamed; one that is there already is replaced.

    Args:
        folder: Zarr group to write.
        image: (channel, scan, lateral, depth), normalised; kept in 16 bits.
        labels: (scan, lateral, depth).
        num_classes: Classes, background included; higher label values are not counted.
        digest: Changes with everything that the arrays depend on.
    """
    import zarr
    from zarr.codecs import BloscCodec

    chunk = min(_CHUNK, len(labels))
    image_chunks = (len(image), chunk, *image.shape[2:])
    counts = _counts(labels, num_classes)
    # Speckle hardly shrinks, so speed decides; labels are nearly all runs of one value.
    fast, small = BloscCodec(cname="lz4", clevel=1), BloscCodec(cname="zstd", clevel=1)
    with new_folder(folder) as temporary:
        group = zarr.open_group(temporary, mode="w", attributes={"digest": digest})
        group.create_array(
            "image", data=image.astype(np.float16), chunks=image_chunks, compressors=fast
        )
        group.create_array(
            "labels", data=labels, chunks=(chunk, *labels.shape[1:]), compressors=small
        )
        group.create_array("counts", data=counts, chunks=counts.shape, compressors=small)
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
