"""Surface area of a mask by counting how often lines between voxels cross its surface.

The Cauchy-Crofton formula: lines of one direction cross a surface in proportion to the area that it
shows to them. The lines run between voxels that lie a few steps apart (Legland, Kieu and Devaux,
Image Analysis and Stereology 26, 2007, doi:10.5566/ias.v26.p83-92, with the 13 nearest). Here there
are more of them, and their weights are fitted to the voxel size, because on an anisotropic grid the
13 nearest crowd round the finest axis.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amcnet.metrics.checks import checked_spacing_mm

Vectors = NDArray[np.float64]

_LONGEST_STEP = 2.5  # in units of the longest voxel edge: longer lines miss thin parts and edges
_MOST_VOXELS = 3  # of a step along one axis
_PLANES = 1500  # orientations of planes whose area is to come out right
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def surface_area_mm2(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """Estimate the surface area of a solid, in mm2.

    Smooth solids of ten voxels across and more are right to about 1 %, to 2.5 % where straight
    sides run along the grid. Near sharp edges some lines are missed: a box comes out 2 to 5 % too
    small, up to 8 % along the grid. The surfaces of cavities count too.

    Args:
        mask: The solid, (scan, lateral, depth); what lies outside the array is not part of it.
        spacing_mm: Voxel size in the same order.

    Raises:
        InputError: If the spacing is not three positive numbers.
    """
    spacing = checked_spacing_mm(spacing_mm)
    scan, lateral, depth = (float(value) for value in spacing)
    steps, weights = _lines((scan, lateral, depth))
    voxels = np.count_nonzero(mask)
    crossings = [2 * (voxels - _pairs_inside(mask, step)) for step in steps]
    return float(weights @ crossings * np.prod(spacing))


def _pairs_inside(mask: NDArray[np.bool_], step: NDArray[np.int64]) -> int:
    """Count the voxels of a mask of which the one a step further is in the mask too."""
    ahead = tuple(slice(max(n, 0), n if n < 0 else None) for n in step)
    behind = tuple(slice(max(-n, 0), -n if n > 0 else None) for n in step)
    return int(np.count_nonzero(mask[ahead] & mask[behind]))


@lru_cache(maxsize=16)
def _lines(spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.int64], Vectors]:
    """Return steps between voxels, (n, 3), and the weight of a crossing along each, (n,).

    A plane with the normal v has area * |v . step| / voxel volume crossings along a step in mm. The
    weights are those, none negative, that come nearest to the area of planes of all orientations.
    """
    from scipy.optimize import nnls

    steps = _steps(np.array(spacing_mm))
    crossings = np.abs(_half_sphere(_PLANES) @ (steps * spacing_mm).T)
    weights, _ = nnls(crossings, np.ones(_PLANES))
    used = weights > 0
    return steps[used], weights[used]


def _steps(spacing_mm: Vectors) -> NDArray[np.int64]:
    """Return the steps that are no multiples of shorter ones, one of each pair of opposites."""
    along = np.arange(-_MOST_VOXELS, _MOST_VOXELS + 1)
    steps = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[len(steps) // 2 + 1 :]  # the first half are the opposites, then comes no step
    steps = steps[np.gcd.reduce(steps, axis=1) == 1]
    lengths_mm = np.linalg.norm(steps * spacing_mm, axis=1)
    longest_mm = _LONGEST_STEP * spacing_mm.max()
    nearby: NDArray[np.int64] = steps[lengths_mm <= longest_mm * (1 + 1e-9)]
    return nearby


def _half_sphere(count: int) -> Vectors:
    """Return unit vectors, (count, 3), spread evenly over a half of the sphere."""
    index = np.arange(count)
    height = (index + 0.5) / count
    angle = index * _GOLDEN_ANGLE
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
