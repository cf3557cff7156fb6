"""A 3D image in memory: voxels in canonical order and the grid of its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError, count_text
from amcnet.io.array_sources import LOGITS_HINT, array_of
from amcnet.io.geometry import Geometry, Triple
from amcnet.short_repr import short_repr


@dataclass(frozen=True)
class Volume:
    """A 3D image in canonical order.

    Attributes:
        array: Voxels, (scan, lateral, depth), contiguous, in the file's own scalar type.
        geometry: The file's own grid and how the array maps to it.
        path: Source file; None for data created in memory.

    Example:
        >>> volume = volume_from_array(np.zeros((8, 6, 4), np.uint8), (0.5, 0.2, 0.1))
        >>> volume.array.shape, volume.spacing_mm
        ((8, 6, 4), (0.5, 0.2, 0.1))
    """

    array: npt.NDArray[Any]
    geometry: Geometry
    path: Path | None = None
    __repr__ = short_repr

    @property
    def spacing_mm(self) -> Triple:
        """Voxel size in (scan, lateral, depth), in mm."""
        return self.geometry.canonical_spacing_mm


def volume_from_array(array: npt.ArrayLike, spacing_mm: Triple) -> Volume:
    """Make a volume from an array.

    Args:
        array: Voxels, (scan, lateral, depth): an array, a tensor, or what
            :func:`amcnet.io.array_sources.array_of` takes.
        spacing_mm: Voxel size in (scan, lateral, depth), in mm.

    Raises:
        InputError: If the array is not 3D or empty, holds complex or non-finite values, or the
            spacing is not positive.

    Example:
        >>> volume_from_array(np.zeros((8, 6, 4), np.uint8), (0.5, 0.2, 0.1)).geometry.size
        (4, 6, 8)
    """
    voxels = array_of(array)
    if voxels.ndim != 3 or voxels.size == 0:
        hint = LOGITS_HINT if voxels.ndim > 3 else ""
        raise InputError(f"array: shape is {voxels.shape}, expected (scan, lateral, depth){hint}")
    if voxels.dtype.kind not in "biuf":
        raise InputError(f"array: values are {voxels.dtype}, expected real numbers")
    try:
        scan_mm, lateral_mm, depth_mm = (float(size) for size in spacing_mm)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"spacing_mm: found {spacing_mm}, expected (scan, lateral, depth)"
        ) from error
    check_finite(voxels)
    scan, lateral, depth = voxels.shape
    geometry = Geometry.canonical((scan, lateral, depth), (scan_mm, lateral_mm, depth_mm))
    return Volume(np.ascontiguousarray(voxels), geometry)


def check_finite(array: npt.NDArray[Any]) -> None:
    """Check that voxels are finite as float32.

    Raises:
        InputError: If some are not. The text has no path.
    """
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):  # values beyond float32 become infinite in all later steps
        bad = sum(
            plane.size - int(np.isfinite(plane.astype(np.float32, copy=False)).sum())
            for plane in array
        )
    if bad:
        raise InputError(
            f"found NaN or infinity in {count_text(bad, 'voxel')}, expected finite float32 values"
        )
