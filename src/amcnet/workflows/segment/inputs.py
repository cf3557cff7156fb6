"""What can be segmented: files, images, volumes and arrays, one for each input channel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io import Volume, is_dicom, read_volume, volume_from_array, volume_from_image

Source = str | Path | Volume | NDArray[Any] | Any


def as_volumes(
    source: Source | Sequence[Source],
    spacing_mm: tuple[float, float, float] | None,
    axes: str,
    channels: int,
) -> list[Volume]:
    """Turn what a user gave into volumes.

    Args:
        source: Path, SimpleITK image, volume, array, or a list or tuple of these. For several
            channels an array is (channel, scan, lateral, depth), else (scan, lateral, depth).
        spacing_mm: Voxel size, in (scan, lateral, depth), of arrays and of DICOM files that do not
            say where their frames lie.
        axes: What the axes of a file or image mean.
        channels: Input channels of the model.

    Raises:
        InputError: If something cannot be used.
    """
    if isinstance(source, np.ndarray) and channels > 1:
        if source.ndim != 4:
            raise InputError(
                f"array: shape is {source.shape}, expected (channel, scan, lateral, depth) "
                f"for a model of {channels} channels"
            )
        source = list(source)
    parts = source if isinstance(source, list | tuple) else [source]
    return [_as_volume(part, spacing_mm, axes) for part in parts]


def _as_volume(source: Source, spacing_mm: tuple[float, float, float] | None, axes: str) -> Volume:
    if isinstance(source, np.ndarray):
        if spacing_mm is None:
            raise InputError("an array needs spacing_mm, expected (scan, lateral, depth) in mm")
        if axes != "auto":
            raise InputError(f"axes: found '{axes}', expected an array in (scan, lateral, depth)")
        return volume_from_array(source, spacing_mm)
    if spacing_mm is not None and not (isinstance(source, str | Path) and is_dicom(Path(source))):
        raise InputError("spacing_mm: goes with an array, a file or image has its own")
    if isinstance(source, Volume):
        return source
    if isinstance(source, str | Path):
        return read_volume(source, axes, spacing_mm=spacing_mm)
    if hasattr(source, "GetDirection"):
        return volume_from_image(source, axes)
    raise InputError(
        f"source is a {type(source).__name__}, expected a path, a SimpleITK image or an array"
    )
