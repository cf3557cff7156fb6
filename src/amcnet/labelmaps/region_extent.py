"""Where a solid of voxels ends in a direction, between its last voxel and the first one outside.

The surface crosses each column of voxels somewhere between the centre of the last voxel inside and
that of the next one. Near an end a surface of second order is fitted to all these intervals. A
rounded tip is found where the steps between the layers put it, also above the outermost layer's
middle; a flat end that lies along the grid leaves all of them alike, and stays half a voxel beyond.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_DEPTH = 2.0  # voxels in the direction that the fit reaches down from the outermost one
_ROUNDS = 12  # of the fit; half of what is left to gain after eight is less than 1/50 of a voxel
_MOST_COLUMNS = 1500  # a flat side of a large bone has many more than the fit needs


def voxel_extent_mm(direction: Vector, spacing_mm: Vector) -> float:
    """Return the size of a voxel in a direction, between its shortest and its longest edge."""
    return float(np.sqrt(np.sum((direction * spacing_mm) ** 2)))


def end_margin_mm(surface_mm: Vector, direction: Vector, spacing_mm: Vector) -> float:
    """Estimate how far a solid reaches beyond the centre of its outermost voxel.

    Args:
        surface_mm: Centres of its surface voxels, (n, 3), n at least 1.
        direction: Unit vector, (3,).
        spacing_mm: Voxel size, (3,).

    Returns:
        Millimetres along the direction, from 0 to a voxel's.
    """
    position = surface_mm @ direction
    highest = float(position.max())
    reach = _DEPTH * voxel_extent_mm(direction, spacing_mm)
    near = position > highest - reach * (1 - 1e-6)
    points, depth = surface_mm[near], highest - position[near]
    axis = int(np.argmax(np.abs(direction)))
    across = [other for other in range(3) if other != axis]
    last = _last_of_columns(points[:, across] / spacing_mm[across], depth)
    last = last[:: 1 + len(last) // _MOST_COLUMNS]
    width = abs(float(direction[axis])) * float(spacing_mm[axis])
    low = -depth[last]
    crossing = _fit(points[last][:, across], low, width, 1 - depth[last] / reach)
    return float(crossing.max())


def _last_of_columns(place: Vector, depth: Vector) -> NDArray[np.int64]:
    """Return which voxel of each column has the least depth; places, (n, 2), are in voxels."""
    column = np.rint(place - place.min(axis=0)).astype(np.int64)
    key = column[:, 0] * (column[:, 1].max() + 1) + column[:, 1]
    order = np.lexsort((depth, key))
    first = np.ones(len(order), dtype=bool)
    first[1:] = np.diff(key[order]) != 0
    found: NDArray[np.int64] = order[first]
    return found


def _fit(place_mm: Vector, low_mm: Vector, width_mm: float, weight: Vector) -> Vector:
    """Return where a smooth surface crosses the columns, each within its own interval.

    Args:
        place_mm: The columns, (n, 2).
        low_mm: Height of the last voxel inside, (n,).
        width_mm: How much higher the first one outside is.
        weight: Weights of the columns, (n,).
    """
    centred = place_mm - place_mm.mean(axis=0)
    u, v = (centred / np.maximum(np.abs(centred).max(axis=0), 1e-9)).T
    terms = np.column_stack([np.ones_like(u), u, v, u**2, v**2, u * v])
    weighted = terms.T * weight
    solve = np.linalg.pinv(weighted @ terms, rcond=1e-10, hermitian=True) @ weighted
    crossing = low_mm + width_mm / 2
    for _ in range(_ROUNDS):
        crossing = np.clip(terms @ (solve @ crossing), low_mm, low_mm + width_mm)
    return np.asarray(crossing)
