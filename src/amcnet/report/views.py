"""Small copies of the planes that pictures show, so that the volume can be freed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcnet.anatomy import LabelTable
from amcnet.errors import InputError
from amcnet.labelmaps.validation import (
    as_array,
    check_label_range,
    check_label_volume,
    checked_spacing_mm,
)
from amcnet.report.slices import choose_slices, labelled_region
from amcnet.short_repr import short_repr

_MAX_PIXELS = 700  # Pixels per axis of a panel, about the resolution on the page.
_SLICES = 4
_MARGIN_MM = 8.0

Extent = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane of a picture, subsampled to the resolution of the picture.

    Attributes:
        grey: float32 (row, column), 0 is black and 1 is white; rows run downwards.
        labels: Labels of the same shape.
        extent_mm: (left, right, bottom, top).
    """

    grey: NDArray[np.float32]
    labels: NDArray[np.integer[Any]]
    extent_mm: Extent
    __repr__ = short_repr

    @property
    def aspect(self) -> float:
        """Height by width."""
        left, right, bottom, top = self.extent_mm
        return (bottom - top) / (right - left)


@dataclass(frozen=True, eq=False)
class HandViews:
    """The planes in the pictures of a segmented volume.

    Attributes:
        overview: View from above, rows along the scan and columns lateral: the largest label
            along depth, and the mean of the image.
        slices: Transverse slices, rows along depth and columns lateral.
        positions_mm: Position of each slice along the scan.

    Example:
        >>> labels = np.ones((8, 6, 4), np.uint8)
        >>> table = LabelTable.from_names(["femur"])
        >>> views = gather_views(labels, labels, (2.0, 1.0, 1.0), table)
        >>> views.overview.labels.shape, views.slices[0].labels.shape
        ((8, 6), (4, 6))
    """

    overview: Plane
    slices: tuple[Plane, ...]
    positions_mm: tuple[float, ...]
    __repr__ = short_repr


def gather_views(
    image: ArrayLike,
    labels: ArrayLike,
    spacing_mm: Sequence[float],
    table: LabelTable,
) -> HandViews:
    """Extract the planes of a volume that pictures show.

    Args:
        image: Intensities, (scan, lateral, depth), any numeric dtype.
        labels: Integer labels of the same shape; they may be all background.
        spacing_mm: Voxel size in the same order.
        table: The label table.

    Raises:
        InputError: If shapes differ, labels are not integers or not in the table, or the spacing
            is not three positive numbers.

    Example:
        >>> labels = np.zeros((8, 8, 8), np.uint8)
        >>> labels[2:6, 2:6, 2:6] = 1
        >>> table = LabelTable.from_names(["femur"])
        >>> views = gather_views(labels * 100, labels, (1.0, 1.0, 1.0), table)
        >>> len(views.slices) == len(views.positions_mm)
        True
    """
    scan, found = as_array(image), as_array(labels)
    check_label_volume(found, "labels")
    if scan.shape != found.shape or not found.size:
        raise InputError(
            f"image has the shape {scan.shape}, expected that of the labels, {found.shape}, "
            "with at least one voxel"
        )
    check_label_range(found, "labels", table.num_classes)
    scan_mm, lateral_mm, depth_mm = (float(value) for value in checked_spacing_mm(spacing_mm))
    indices = choose_slices(found, _SLICES)
    return HandViews(
        _overview(scan, found, (scan_mm, lateral_mm)),
        _slices(scan, found, (lateral_mm, depth_mm), indices),
        tuple(index * scan_mm for index in indices),
    )


def _overview(
    image: NDArray[Any], labels: NDArray[np.integer[Any]], spacing_mm: tuple[float, float]
) -> Plane:
    rows, columns = (_thinned(slice(0, size)) for size in labels.shape[:2])
    grey = image[rows, columns].mean(axis=2, dtype=np.float32)
    seen = labels[rows, columns].max(axis=2)
    return Plane(_scaled(grey, _range_of(grey)), seen, _extent(rows, columns, spacing_mm))


def _slices(
    image: NDArray[Any],
    labels: NDArray[np.integer[Any]],
    spacing_mm: tuple[float, float],
    indices: list[int],
) -> tuple[Plane, ...]:
    """Return the slices at some scan indices; spacing is (lateral, depth)."""
    seen = (labels[indices] > 0).any(axis=0)
    lateral, depth = labelled_region(np.asarray(seen), spacing_mm, _MARGIN_MM)
    rows, columns = _thinned(depth), _thinned(lateral)
    extent_mm = _extent(rows, columns, (spacing_mm[1], spacing_mm[0]))
    planes = [image[index, columns, rows].T for index in indices]
    grey_range = _range_of(np.stack(planes))
    return tuple(
        Plane(_scaled(plane, grey_range), labels[index, columns, rows].T.copy(), extent_mm)
        for plane, index in zip(planes, indices, strict=True)
    )


def _range_of(values: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities to display as black and as white."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (1, 99.5)))
    return low, high if high > low else low + 1.0


def _scaled(values: NDArray[Any], grey_range: tuple[float, float]) -> NDArray[np.float32]:
    low, high = grey_range
    scaled = (np.nan_to_num(values.astype(np.float32)) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def _thinned(part: slice) -> slice:
    return slice(part.start, part.stop, max(1, -(-(part.stop - part.start) // _MAX_PIXELS)))


def _extent(rows: slice, columns: slice, spacing_mm: tuple[float, float]) -> Extent:
    top, bottom = ((edge - 0.5) * spacing_mm[0] for edge in (rows.start, rows.stop))
    left, right = ((edge - 0.5) * spacing_mm[1] for edge in (columns.start, columns.stop))
    return left, right, bottom, top
