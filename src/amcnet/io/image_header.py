"""The header of a volume: grid, voxel type, and location of the voxel data."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.geometry import Geometry, Triple
from amcnet.io.nifti_forms import NiftiForms, with_nifti_forms

Encoding = Literal["raw", "text", "gzip", "bzip2", "zlib"]

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class DataFile:
    """A section of a file with voxel data.

    Attributes:
        path: The file.
        start: Offset of the first stored byte; None if the raw voxels end the file.
        num_bytes: Number of stored bytes; None if they extend to the end of the file.
        skipped_bytes: Bytes to skip after decompression.
        skipped_lines: Lines to skip before decompression, counted from ``start``.
    """

    path: Path
    start: int | None = 0
    num_bytes: int | None = None
    skipped_bytes: int = 0
    skipped_lines: int = 0


@dataclass(frozen=True)
class ImageHeader:
    """The header of a volume.

    Attributes:
        path: The header file.
        size: Voxels along the file's (x, y, z).
        spacing_mm: Voxel size along the file's (x, y, z), in mm.
        origin_mm: Position of the first voxel, LPS, in mm.
        direction: Nine direction cosines in LPS, row by row.
        value_type: Type and byte order of the stored values.
        data_files: Files with the voxel data, in order, with an equal share each.
        encoding: How the values are stored.
        channels: Values per voxel.
        channels_first: Whether the channels of a voxel are stored next to each other (otherwise,
            whole volumes are stored one after another).
        may_be_colour: Whether several channels may be colours.
        scaling: Slope and intercept of the stored values.
        fields: Text fields of the format that do not describe the grid.
        nifti_forms: Orientation information of a NIfTI file.
    """

    path: Path
    size: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple
    direction: tuple[float, ...]
    value_type: np.dtype[Any]
    data_files: tuple[DataFile, ...]
    encoding: Encoding = "raw"
    channels: int = 1
    channels_first: bool = True
    may_be_colour: bool = True
    scaling: tuple[float, float] = (1.0, 0.0)
    fields: Mapping[str, str] = field(default_factory=dict)
    nifti_forms: NiftiForms | None = None

    @property
    def num_values(self) -> int:
        """Number of stored values in all channels."""
        return math.prod(self.size) * self.channels

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the decoded values."""
        return self.num_values * self.value_type.itemsize

    def geometry(self, axes: str = "auto", spacing_mm: Triple | None = None) -> Geometry:
        """Return the grid.

        Args:
            axes: ``auto`` or the meaning of the file's x, y, z, see :meth:`Geometry.from_grid`.
            spacing_mm: Voxel size in (scan, lateral, depth) to use instead of the file's, in mm.

        Raises:
            InputError: If the grid is unusable. The text has no path.
        """
        geometry = Geometry.from_grid(
            self.size, self.spacing_mm, self.origin_mm, self.direction, axes
        )
        if spacing_mm is not None:
            return geometry.with_spacing(spacing_mm)
        if self.nifti_forms is not None:
            return with_nifti_forms(geometry, self.nifti_forms)
        return geometry


def check_rank(sizes: Sequence[int]) -> tuple[int, int, int]:
    """Return the three sizes of a volume, without additional axes of length 1.

    Raises:
        InputError: If the image is not three-dimensional. The text has no path.
    """
    if len(sizes) < 3 or any(size != 1 for size in sizes[3:]):
        raise InputError(f"size is {' x '.join(map(str, sizes))}, expected a 3D image")
    return (sizes[0], sizes[1], sizes[2])


def sequence_error(frames: int, what: str = "tracked frames") -> InputError:
    """Return the error for a file that holds a sequence instead of one volume."""
    return InputError(f"is a sequence of {frames} {what}, expected a reconstructed volume")


def differ(first: npt.ArrayLike, second: npt.ArrayLike, relative: float = 1e-3) -> bool:
    """Return whether two triples of lengths contradict each other."""
    return not np.allclose(np.asarray(first), np.asarray(second), rtol=relative, atol=0)


def text_of(values: Iterable[float], separator: str = " x ") -> str:
    """Return numbers as a short text, for example ``0.2 x 0.3 x 0.4``."""
    return separator.join(f"{value:.6g}" for value in values)
