"""Surfaces and moments of all structures of a label volume, found in one pass."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amcnet.labelmaps.region import Labels, Region
from amcnet.labelmaps.run_length import labelled_voxels

_SLAB_VOXELS = 1 << 20  # Limits the temporaries to about 100 MB if every voxel is labelled.
_MOMENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def find_regions(
    labels: Labels, num_classes: int, spacing_mm: NDArray[np.float64]
) -> list[Region | None]:
    """Find the surface and moments of every structure of a volume.

    A surface voxel has a face neighbour outside its structure; everything beyond the volume is
    outside. The time depends only on the size of the volume and the number of labelled voxels, so
    stray voxels that enlarge a structure's bounding box cost nothing.

    Args:
        labels: Integer labels of 0 to ``num_classes - 1``, (scan, lateral, depth).
        num_classes: Number of labels, including background.
        spacing_mm: Voxel size, (3,).

    Returns:
        One region per label from 1, None if the label is absent. Surface points are in the memory
        order of the volume.

    Example:
        >>> labels = np.zeros((5, 5, 5), np.uint8)
        >>> labels[1:4, 1:4, 1:4] = 2
        >>> absent, cube = find_regions(labels, 3, np.ones(3))
        >>> absent, cube.voxels, len(cube.surface_mm), cube.centroid_mm.tolist()
        (None, 27, 26, [2.0, 2.0, 2.0])
    """
    tally = _Tally(np.zeros((10, num_classes), dtype=np.int64))
    rows = max(1, _SLAB_VOXELS * len(labels) // max(1, labels.size))
    for start in range(0, len(labels), rows):
        _read_slab(labels, start, min(start + rows, len(labels)), tally)
    surfaces = tally.surfaces_mm(num_classes, spacing_mm)
    return [
        _region(tally.sums[:, value].tolist(), surfaces[value], spacing_mm)
        for value in range(1, num_classes)
    ]


@dataclass
class _Tally:
    """Sums and surface voxels of the slabs read so far.

    Attributes:
        sums: Sums of 1, of the three indices and of their six products, per label, (10, classes).
        values: Labels of the surface voxels, one array per slab.
        points: Indices of the surface voxels, (3, n), one array per slab.
    """

    sums: NDArray[np.int64]
    values: list[NDArray[np.int64]] = field(default_factory=list)
    points: list[NDArray[np.int64]] = field(default_factory=list)

    def surfaces_mm(
        self, num_classes: int, spacing_mm: NDArray[np.float64]
    ) -> list[NDArray[np.float64]]:
        """Return the surface of every label, each (n, 3); that of the background is empty."""
        if not self.values:
            return [np.empty((0, 3))] * num_classes
        values = np.concatenate(self.values)
        order = np.argsort(values.astype(np.min_scalar_type(num_classes)), kind="stable")
        points = np.concatenate(self.points, axis=1).T[order] * spacing_mm
        ends = np.cumsum(np.bincount(values, minlength=num_classes))
        return np.split(points, ends[:-1])


@dataclass(frozen=True)
class _Runs:
    """Runs of equal label along depth, by voxel index.

    Attributes:
        values: Labels, (n,).
        index: Indices of the first voxels in the volume, (3, n).
        lengths: Number of voxels, (n,).
    """

    values: NDArray[np.int64]
    index: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def sums(self, classes: int) -> NDArray[np.int64]:
        """Return the sums of a tally; float64 holds integers of this size exactly."""
        n, (scan, lateral, first) = self.lengths, self.index
        depth = n * first + n * (n - 1) // 2
        depth_squared = n * first**2 + first * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        terms = [n, n * scan, n * lateral, depth, n * scan**2, n * lateral**2, depth_squared]
        terms += [n * scan * lateral, scan * depth, lateral * depth]
        sums = [np.bincount(self.values, weights=term, minlength=classes) for term in terms]
        return np.stack(sums).astype(np.int64)


def _read_slab(labels: Labels, start: int, stop: int, tally: _Tally) -> None:
    """Add the planes from start to stop to the tally; planes beyond them serve as neighbours."""
    _, width, length = labels.shape
    above = max(0, start - 1)
    flat = np.ascontiguousarray(labels[above : stop + 1]).reshape(-1)
    skipped = (start - above) * width * length
    own = flat[skipped : skipped + (stop - start) * width * length]
    places, begins = labelled_voxels(own, length)
    if not len(places):
        return
    places += skipped
    values = flat[places]
    firsts = np.flatnonzero(begins)
    runs = _Runs(
        values=values[firsts].astype(np.int64),
        index=_index(places[firsts], above, labels.shape),
        lengths=np.diff(firsts, append=len(places)),
    )
    # The ends of a run are surface. Runs at the border of the volume are surface throughout, so the
    # values that clipping returns there do not matter.
    surface = begins | np.roll(begins, -1)
    for stride in (-width * length, -length, length, width * length):
        surface |= flat.take(places + stride, mode="clip") != values
    last = np.array(labels.shape)[:2, None] - 1
    at_border = ((runs.index[:2] == 0) | (runs.index[:2] == last)).any(axis=0)
    surface |= np.repeat(at_border, runs.lengths)
    tally.sums += runs.sums(tally.sums.shape[1])
    tally.values.append(values[surface].astype(np.int64))
    tally.points.append(_index(places[surface], above, labels.shape))


def _index(
    places: NDArray[np.int64], first_plane: int, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return volume indices, (3, n), of flat indices in a slab that begins at ``first_plane``."""
    rows, depth = np.divmod(places, shape[2])
    scan, lateral = np.divmod(rows, shape[1])
    return np.stack([scan + first_plane, lateral, depth])


def _region(
    sums: list[int], surface_mm: NDArray[np.float64], spacing_mm: NDArray[np.float64]
) -> Region | None:
    """Build a region from integer sums; Python integers are exact for any volume size."""
    voxels, first, second = sums[0], sums[1:4], sums[4:]
    if not voxels:
        return None
    covariance = np.empty((3, 3))
    for (a, b), total in zip(_MOMENTS, second, strict=True):
        value = (voxels * total - first[a] * first[b]) / voxels**2
        covariance[a, b] = covariance[b, a] = value
    return Region(
        voxels=voxels,
        centroid_mm=np.array([total / voxels for total in first]) * spacing_mm,
        # The last term is the variance within a voxel: a single voxel then has principal axes too.
        covariance_mm2=covariance * np.outer(spacing_mm, spacing_mm) + np.diag(spacing_mm**2 / 12),
        surface_mm=surface_mm,
        spacing_mm=spacing_mm,
    )
