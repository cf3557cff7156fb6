"""Pad or crop labels to the grid of their image: segmentations may be saved cropped."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.extensions import find_extension
from amcnet.io.geometry import Geometry
from amcnet.io.grid_comparison import grid_differences, lattice_offset
from amcnet.io.label_volume import LabelVolume
from amcnet.io.volume import Volume

_CROPPABLE = (".seg.nrrd", ".seg.nhdr", ".dcm", ".dicom")  # other formats are never saved cropped


def labels_on_grid(labels: Volume, geometry: Geometry) -> npt.NDArray[Any]:
    """Return labels on the grid of their image.

    A 3D Slicer or DICOM segmentation (``.seg.nrrd``, ``.dcm``) may be smaller or larger than its
    image if its voxels coincide with those of the image; outside it, the image is background.

    Args:
        labels: As :func:`amcnet.io.read_labels` returns them, any integer dtype.
        geometry: The image's grid.

    Returns:
        Labels in (scan, lateral, depth) of the image, dtype unchanged; the array of ``labels``
        itself if the grids are equal.

    Raises:
        InputError: If the grids differ in any other way, or labelled voxels lie outside the
            image. The text has no path.

    Example:
        >>> from amcnet.io.volume import volume_from_array
        >>> labels = volume_from_array(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0))
        >>> int(labels_on_grid(labels, labels.geometry).sum())
        8
    """
    problem = _problem(may_be_cropped(labels), labels.geometry, geometry)
    if problem is not None:
        raise InputError(problem)
    offset = lattice_offset(geometry, labels.geometry)
    if offset is None or not grid_differences(geometry, labels.geometry):
        return labels.array
    inside, source = zip(
        *map(_overlap, offset, labels.array.shape, geometry.canonical_shape), strict=True
    )
    pasted = np.zeros(geometry.canonical_shape, labels.array.dtype)
    pasted[inside] = labels.array[source]
    lost = np.count_nonzero(labels.array) - np.count_nonzero(pasted)
    if lost:
        raise InputError(
            f"{lost} labelled voxels lie outside the image, expected all of them inside"
        )
    return pasted


def may_be_cropped(labels: Volume) -> bool:
    """Return whether labels come from a 3D Slicer or DICOM segmentation, by content or by name.

    Example:
        >>> from amcnet.io.volume import volume_from_array
        >>> may_be_cropped(volume_from_array(np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0)))
        False
    """
    has_segments = isinstance(labels, LabelVolume) and labels.has_segments
    return has_segments or _is_named_croppable(labels.path)


def label_grid_problem(path: Path | None, labels: Geometry, image: Geometry) -> str | None:
    """Return why labels do not fit an image, with both values of every property that differs.

    Args:
        path: The label file, whose extension determines whether it may be cropped.
        labels: The grid of the labels.
        image: The grid of the image.

    Example:
        >>> grid = Geometry.canonical((8, 8, 8), (0.5, 0.5, 0.5))
        >>> label_grid_problem(Path("labels.nrrd"), grid, grid) is None
        True
    """
    return _problem(_is_named_croppable(path), labels, image)


def _is_named_croppable(path: Path | None) -> bool:
    return path is not None and find_extension(path, _CROPPABLE) is not None


def _problem(is_croppable: bool, labels: Geometry, image: Geometry) -> str | None:
    differences = grid_differences(image, labels)
    if not differences or (is_croppable and lattice_offset(image, labels) is not None):
        return None
    return f"image and labels lie on different grids: {'; '.join(differences)}, expected the same"


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Return the part of an axis that a range covers, and the corresponding part of the range."""
    low = min(max(start, 0), size)
    high = max(min(start + length, size), low)
    return slice(low, high), slice(low - start, high - start)
