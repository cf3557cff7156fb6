"""Surface area of a mask from the number of crossings of lines with its surface.

The Cauchy-Crofton formula: the number of crossings of parallel lines with a surface is proportional
to the area of its projection along them. The lines run between voxels a few steps apart (Legland,
Kieu and Devaux, Image Analysis and Stereology 26, 2007, doi:10.5566/ias.v26.p83-92, use 13
directions). Here their number and weights depend on the voxel size, because on an anisotropic grid
the 13 nearest neighbours cluster around the finest axis.

Lines between voxels miss edges that they cut, the more so the longer they are. The area is
therefore computed with lines of one, two and three times the length and extrapolated to length 0.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from amcnet.labelmaps.validation import checked_spacing_mm

Vectors = NDArray[np.float64]

_LONGEST_STEP = 2.5  # in units of the longest voxel edge: longer lines miss thin parts and edges
_MULTIPLES = (1, 2, 3)
_MOST_VOXELS = 4  # of a step along one axis
_PLANES = 1500  # orientations of planes whose area should be correct
_ALONG_GRID = 60.0  # relative weight of planes along the grid, which makes their area exact
# Lines that lose more than this pass through the solid, so extrapolation is not possible.
_MOST_GAIN = 0.15
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


def surface_area_mm2(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """Estimate the surface area of a mask in mm2.

    The error is about 1 % for solids ten or more voxels across, with or without sharp edges, and
    about 30 % for small or thin ones (two to five voxels). Surfaces of cavities count.

    Args:
        mask: The solid, (scan, lateral, depth); everything outside the array is outside.
        spacing_mm: Voxel size in the same order.

    Raises:
        InputError: If the spacing is not three positive numbers.

    Example:
        >>> cube = np.zeros((40, 40, 40), bool)
        >>> cube[5:35, 5:35, 5:35] = True
        >>> round(surface_area_mm2(cube, (1.0, 1.0, 1.0)), -2)  # 6 faces of 900 mm2
        5400.0
    """
    spacing = checked_spacing_mm(spacing_mm)
    scan, lateral, depth = (float(value) for value in spacing)
    steps, weights = _lines((scan, lateral, depth))
    packed = _Packed(mask, _MULTIPLES[-1] * int(np.abs(steps[:, 2]).max()))
    short, middle, long = (
        float(weights @ [packed.crossings(multiple * step) for step in steps]) / multiple
        for multiple in _MULTIPLES
    )
    gain = 2 * short - 3 * middle + long  # of the parabola through the three, at the length 0
    return float((short + min(gain, _MOST_GAIN * short)) * np.prod(spacing))


class _Packed:
    """A mask with one bit per voxel, for fast comparison with shifted copies of itself.

    Args:
        mask: (scan, lateral, depth).
        reach: The largest number of voxels along the depth in any step.
    """

    def __init__(self, mask: NDArray[np.bool_], reach: int) -> None:
        self._voxels = int(np.count_nonzero(mask))
        length = mask.shape[2]
        padded = np.zeros((*mask.shape[:2], -(-(length + reach) // 64) * 64), dtype=np.bool_)
        self._by_depth = {}
        for shift in range(reach + 1):
            padded[..., :shift] = False
            padded[..., shift : shift + length] = mask
            self._by_depth[shift] = np.packbits(padded, axis=2).view(np.uint64)

    def crossings(self, step: NDArray[np.int64]) -> int:
        """Count the crossings of the surface by lines of one step, started at every voxel."""
        if step[2] < 0:
            step = -step
        ahead = tuple(slice(max(n, 0), n if n < 0 else None) for n in step[:2])
        behind = tuple(slice(max(-n, 0), -n if n > 0 else None) for n in step[:2])
        both = self._by_depth[0][ahead] & self._by_depth[int(step[2])][behind]
        return 2 * (self._voxels - int(np.bitwise_count(both).sum(dtype=np.int64)))


@lru_cache(maxsize=16)
def _lines(spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.int64], Vectors]:
    """Return steps between voxels, (n, 3), and the weight of a crossing along each step, (n,).

    A plane with the normal v has area * |v . step| / voxel volume crossings along a step in mm. The
    weights are the non-negative ones for which the areas of planes of all orientations are closest
    to the truth.
    """
    from scipy.optimize import nnls

    steps = _steps(np.array(spacing_mm))
    planes = np.concatenate([_half_sphere(_PLANES), np.eye(3)])
    crossings = np.abs(planes @ (steps * spacing_mm).T)
    importance = np.r_[np.ones(_PLANES), np.full(3, _ALONG_GRID)]
    weights, _ = nnls(crossings * importance[:, None], importance)
    used = weights > 0
    return steps[used], weights[used]


def _steps(spacing_mm: Vectors) -> NDArray[np.int64]:
    """Return the steps that are not multiples of shorter ones, one of each pair of opposites."""
    along = np.arange(-_MOST_VOXELS, _MOST_VOXELS + 1)
    steps = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    # The first half are the opposites, followed by the zero step.
    steps = steps[len(steps) // 2 + 1 :]
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
