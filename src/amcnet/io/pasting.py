"""Bringing labels to the grid of their image: 3D Slicer saves segmentations cropped."""

from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.errors import InputError
from amcnet.io.files import find_extension
from amcnet.io.geometry import Geometry, grid_differences, lattice_offset
from amcnet.io.images import Volume

_PASTED = (".seg.nrrd",)  # others have no reason to be smaller than their image


def labels_on_grid(labels: Volume, geometry: Geometry) -> npt.NDArray[Any]:
    """Return labels on the grid of their image.

    A 3D Slicer segmentation (``.seg.nrrd``) may be smaller or larger than its image as long as
    its voxels are voxels of the image's lattice; what it does not cover is background.

    Args:
        labels: As :func:`amcnet.io.read_labels` returns them, any integer dtype.
        geometry: The image's grid.

    Returns:
        Labels in (scan, lateral, depth) of the image, dtype unchanged; the array of ``labels``
        itself where the grids are equal.

    Raises:
        InputError: If the grids differ otherwise, or labelled voxels lie outside the image. The
            text has no path.
    """
    differences = grid_differences(geometry, labels.geometry)
    if not differences:
        return labels.array
    is_slicer = labels.path is not None and find_extension(labels.path, _PASTED) is not None
    offset = lattice_offset(geometry, labels.geometry) if is_slicer else None
    if offset is None:
        raise InputError(
            f"image and labels lie on different grids: {'; '.join(differences)}, expected the same"
        )
    inside, source = zip(
        *map(_overlap, offset, labels.array.shape, geometry.canonical_shape), strict=True
    )
    pasted = np.zeros(geometry.canonical_shape, labels.array.dtype)
    pasted[inside] = labels.array[source]
    lost = np.count_nonzero(labels.array) - np.count_nonzero(pasted)
    if lost:
        raise InputError(f"{lost} labelled voxels lie outside the image, expected all within")
    return pasted


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Return where a range lies in an axis, and which part of the range that is."""
    low = min(max(start, 0), size)
    high = max(min(start + length, size), low)
    return slice(low, high), slice(low - start, high - start)
