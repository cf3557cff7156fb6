"""Inputs of the segmenter: files, SimpleITK images, volumes, arrays and PyTorch tensors."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError, count_text
from amcnet.io import Reading, Volume, volume_from_array, volume_from_image
from amcnet.io.array_sources import LOGITS_HINT, array_of
from amcnet.io.geometry import Triple

Source = str | Path | Volume | NDArray[Any] | Any


def channel_volumes(source: Source, model_channels: int, reading: Reading) -> list[Volume]:
    """Return one volume per input channel of a source that contains all channels.

    Args:
        source: Path, SimpleITK image, volume, or array (scan, lateral, depth); for a model of
            several channels an array (channel, scan, lateral, depth).
        model_channels: Input channels of the model.
        reading: Reading options.

    Raises:
        InputError: If it cannot be used.
    """
    array = array_of_source(source)
    if array is None or model_channels == 1:
        return [as_volume(source, reading)]
    if array.ndim != 4:
        raise InputError(
            f"array: shape is {array.shape}, expected (channel, scan, lateral, depth) "
            f"for a model of {count_text(model_channels, 'channel')}"
        )
    return [as_volume(channel, reading) for channel in array]


def as_volume(source: Source, reading: Reading) -> Volume:
    """Convert a single-channel source to a volume.

    Raises:
        InputError: If it cannot be used.
    """
    if isinstance(source, str | Path):
        return reading.volume(Path(source))
    array = array_of_source(source)
    if array is not None:
        return _from_array(array, reading)
    if isinstance(source, Volume):
        volume = source if reading.axes == "auto" else _with_axes(source, reading.axes)
    elif hasattr(source, "GetDirection"):
        volume = volume_from_image(source, reading.axes, colour=reading.colour)
    else:
        raise InputError(
            f"source is a {type(source).__name__}, expected a path, a SimpleITK image, "
            "an array or a PyTorch tensor"
        )
    return volume if reading.spacing_mm is None else with_spacing(volume, reading.spacing_mm)


def array_of_source(source: Source) -> NDArray[Any] | None:
    """Return an array or a PyTorch tensor on any device as a NumPy array; None for other sources.

    >>> array_of_source("scan.nrrd") is None
    True
    """
    if isinstance(source, np.ndarray) or hasattr(source, "detach"):
        return array_of(source)
    return None


def is_batch(source: object) -> TypeGuard[Sequence[Source]]:
    """Return whether a source is a list or tuple of volumes, and not a path, an array or an image.

    >>> is_batch(["a.nrrd", "b.nrrd"]), is_batch("scan.nrrd")
    (True, False)
    """
    return isinstance(source, list | tuple)


def with_spacing(volume: Volume, spacing_mm: Triple) -> Volume:
    """Return a volume with another voxel size, in (scan, lateral, depth).

    Raises:
        InputError: If a size is not positive and finite.
    """
    return replace(volume, geometry=volume.geometry.with_spacing(spacing_mm))


def _with_axes(volume: Volume, axes: str) -> Volume:
    """Return a volume with another interpretation of x, y and z."""
    geometry = volume.geometry.with_axes(axes)
    array = geometry.to_canonical(volume.geometry.from_canonical(volume.array))
    return replace(volume, array=array, geometry=geometry)


def _from_array(array: NDArray[Any], reading: Reading) -> Volume:
    if array.ndim == 4:
        raise InputError(
            f"array: shape is {array.shape}, expected an image (scan, lateral, depth){LOGITS_HINT}"
        )
    if reading.spacing_mm is None:
        raise InputError("an array needs spacing_mm, expected (scan, lateral, depth) in mm")
    if reading.axes != "auto":
        raise InputError(
            f"axes: found '{reading.axes}', expected an array in (scan, lateral, depth)"
        )
    return volume_from_array(array, reading.spacing_mm)
