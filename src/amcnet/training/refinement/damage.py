"""Randomly damage reference labels to imitate an imperfect model.

A refiner trained only on the errors of one model would correct only these. Here, boundaries are
moved and roughened, and structures are shrunk, grown, cut, dropped or renamed.

Random damage of the reference labels has a mean of 0, so its average tells where the true boundary
is, and a refiner learns to smooth its input rather than to look at the image. :func:`resized` takes
that information away.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

_Labels = NDArray[np.uint8]

_COMMON_SHIFT = 1.0  # voxels, standard deviation along each axis
_WAVES = 1.2  # voxels, largest standard deviation of the smooth displacement
_WAVE_LENGTH = 8  # voxels between the random values of the displacement
_COARSE_PROBABILITY = 0.3
_CHANGE_PROBABILITY = 0.5  # probability, for each structure
_RESIZED_MM = 0.6  # standard deviation


def damaged(labels: _Labels, rng: Generator) -> _Labels:
    """Return a damaged copy of a patch of labels.

    Args:
        labels: uint8 (scan, lateral, depth).
        rng: Source of randomness.

    Example:
        >>> labels = np.zeros((16, 16, 16), np.uint8)
        >>> labels[4:12, 4:12, 4:12] = 7
        >>> bad = damaged(labels, np.random.default_rng(0))
        >>> set(np.unique(bad)) <= {0, 7} and bool((bad != labels).any())
        True
    """
    result = _displaced(labels, rng)
    if rng.random() < _COARSE_PROBABILITY:
        result = _coarse(result)
    present = [int(value) for value in np.unique(result) if value]
    for value in present:
        if rng.random() < _CHANGE_PROBABILITY:
            change = _CHANGES[rng.choice(len(_CHANGES), p=_SHARES)]
            result = change(result, value, rng)
    return result


def resized(labels: _Labels, spacing_mm: tuple[float, float, float], rng: Generator) -> _Labels:
    """Return a copy in which all structures are larger or smaller by the same random distance.

    Args:
        labels: uint8 (scan, lateral, depth).
        spacing_mm: Spacing along (scan, lateral, depth).
        rng: Source of randomness.

    Example:
        >>> labels = np.zeros((16, 16, 16), np.uint8)
        >>> labels[4:12, 4:12, 4:12] = 7
        >>> changed = [resized(labels, (0.5, 0.5, 0.5), np.random.default_rng(n)) for n in range(9)]
        >>> sizes = [np.count_nonzero(result) for result in changed]
        >>> bool(min(sizes) < np.count_nonzero(labels) < max(sizes))
        True
    """
    distance_mm = rng.normal(0, _RESIZED_MM)
    inside = labels != 0
    if not inside.any() or inside.all():
        return labels.copy()
    if distance_mm < 0:
        depth = ndimage.distance_transform_edt(inside, spacing_mm)
        return np.where(depth <= -distance_mm, 0, labels).astype(np.uint8)
    away, nearest = ndimage.distance_transform_edt(~inside, spacing_mm, return_indices=True)
    return np.where(away <= distance_mm, labels[tuple(nearest)], 0).astype(np.uint8)


def _displaced(labels: _Labels, rng: Generator) -> _Labels:
    """Move all labels by a common shift and a smooth random field."""
    shape = labels.shape
    strength = rng.uniform(0, _WAVES)
    places = np.indices(shape, np.float32)
    for axis in range(3):
        coarse = [max(2, round(size / _WAVE_LENGTH)) for size in shape]
        field = rng.normal(0, strength, coarse)
        zoom = [size / n for size, n in zip(shape, coarse, strict=True)]
        places[axis] += ndimage.zoom(field, zoom, order=1) + rng.normal(0, _COMMON_SHIFT)
    moved: _Labels = ndimage.map_coordinates(labels, places, order=0, mode="nearest")
    return moved


def _coarse(labels: _Labels) -> _Labels:
    """Repeat every second voxel, as in labels on a coarser grid."""
    result = labels
    for axis, size in enumerate(labels.shape):
        result = result.take(np.arange(size) // 2 * 2, axis=axis)
    return result


def _eroded(labels: _Labels, value: int, rng: Generator) -> _Labels:
    mask = labels == value
    kept = ndimage.binary_erosion(mask, iterations=int(rng.integers(1, 3)), border_value=1)
    return np.where(mask & ~kept, 0, labels).astype(np.uint8)


def _dilated(labels: _Labels, value: int, rng: Generator) -> _Labels:
    """Grow a structure, also over its neighbours, as if the two had been merged."""
    grown = ndimage.binary_dilation(labels == value, iterations=int(rng.integers(1, 3)))
    over = grown if rng.random() < 0.5 else grown & (labels == 0)
    return np.where(over, value, labels).astype(np.uint8)


def _cut(labels: _Labels, value: int, rng: Generator) -> _Labels:
    """Remove a slab, or everything beyond it, along a random axis."""
    mask = labels == value
    axis = int(rng.integers(3))
    extent = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    if not len(extent):
        return labels
    first = int(rng.integers(extent[0], extent[-1] + 1))
    last = first + int(rng.integers(1, 4)) if rng.random() < 0.5 else labels.shape[axis]
    slab = [slice(None)] * 3
    slab[axis] = slice(first, last)
    result = labels.copy()
    part = result[tuple(slab)]
    part[part == value] = 0
    return result


def _dropped(labels: _Labels, value: int, rng: Generator) -> _Labels:
    return np.where(labels == value, 0, labels).astype(np.uint8)


def _renamed(labels: _Labels, value: int, rng: Generator) -> _Labels:
    """Give a structure, or a part of it, the label of another one in the patch."""
    others = [int(other) for other in np.unique(labels) if other not in (0, value)]
    if not others:
        return labels
    mask = labels == value
    if rng.random() < 0.5:
        mask &= rng.random() < np.linspace(0, 1, labels.shape[0])[:, None, None]
    return np.where(mask, rng.choice(others), labels).astype(np.uint8)


_CHANGES: tuple[Callable[[_Labels, int, Generator], _Labels], ...] = (
    _eroded,
    _dilated,
    _cut,
    _dropped,
    _renamed,
)
_SHARES = (0.3, 0.3, 0.2, 0.08, 0.12)
