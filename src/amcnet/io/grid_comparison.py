"""Compare two grids: size, voxel size, direction and position."""

import numpy as np

from amcnet.io.geometry import Geometry, vector_text

_SPACING_TOLERANCE = 1e-4  # relative; float32 headers (NIfTI) are accurate to 1e-7
_ORIGIN_TOLERANCE = 0.02  # voxels
_DIRECTION_TOLERANCE = 1e-3  # NIfTI stores quaternions as float32


def same_grid(a: Geometry, b: Geometry) -> str | None:
    """Compare the positions of two canonical arrays; files may store one grid in different axes.

    Returns:
        None if size, spacing, origin and direction agree within tolerance (spacing 0.01 %,
        origin 2 % of a voxel), else the first difference with both values, as part of a sentence.

    Example:
        >>> grid = Geometry.canonical((8, 8, 8), (0.5, 0.5, 0.5))
        >>> same_grid(grid, grid) is None
        True
    """
    return next(iter(grid_differences(a, b)), None)


def grid_differences(a: Geometry, b: Geometry) -> list[str]:
    """Return all differences between two grids, see :func:`same_grid`, with both values.

    Example:
        >>> fine, coarse = (Geometry.canonical((8, 8, 8), (mm, mm, mm)) for mm in (0.5, 1.0))
        >>> grid_differences(fine, coarse)
        ['spacing (0.5, 0.5, 0.5) against (1, 1, 1) mm']
    """
    differences = []
    if a.canonical_shape != b.canonical_shape:
        differences.append(
            f"size {vector_text(a.canonical_shape)} against {vector_text(b.canonical_shape)} voxels"
        )
    differences += _lattice_differences(a, b)
    if _origin_distance(a, b) > _origin_tolerance(a):
        differences.append(_origin_text(a, b))
    return differences


def _origin_distance(a: Geometry, b: Geometry) -> float:
    return float(np.abs(a.canonical_grid()[0] - b.canonical_grid()[0]).max())


def _origin_tolerance(a: Geometry) -> float:
    # NIfTI stores positions as float32: far from zero they are coarser than the voxels.
    farthest = max(abs(float(value)) for value in (*a.origin_mm, *a.canonical_grid()[0]))
    rounding = 2.0**-22 * farthest
    return max(_ORIGIN_TOLERANCE * min(a.spacing_mm), rounding)


def _origin_text(a: Geometry, b: Geometry) -> str:
    """Describe the difference of two origins, as stated in the files or by canonical corners."""
    stored_a, stored_b = np.array(a.origin_mm), np.array(b.origin_mm)
    if np.abs(stored_a - stored_b).max() > _origin_tolerance(a):
        return f"origin {vector_text(stored_a)} against {vector_text(stored_b)} mm"
    corner_a, corner_b = a.canonical_grid()[0], b.canonical_grid()[0]
    return (
        f"first corner in canonical axes {vector_text(corner_a)} against {vector_text(corner_b)} mm"
    )


def storage_differences(a: Geometry, b: Geometry) -> list[str]:
    """Return the differences between two grids as stored, whatever their axes mean."""
    first, second = (
        Geometry(grid.size, grid.spacing_mm, grid.origin_mm, grid.direction) for grid in (a, b)
    )
    return grid_differences(first, second)


def lattice_offset(a: Geometry, b: Geometry) -> tuple[int, int, int] | None:
    """Return the index of ``b``'s first voxel in ``a``'s canonical array.

    The index may lie outside the array. The result is None if spacing or direction differ, or if
    the voxels do not coincide within the tolerance of :func:`same_grid`.
    """
    if _lattice_differences(a, b):
        return None
    origin_a, rows = a.canonical_grid()
    exact = rows @ (b.canonical_grid()[0] - origin_a) / a.canonical_spacing_mm
    scan, lateral, depth = (round(float(value)) for value in exact)
    is_between = np.abs(exact - (scan, lateral, depth)).max() > _ORIGIN_TOLERANCE
    return None if is_between else (scan, lateral, depth)


def _lattice_differences(a: Geometry, b: Geometry) -> list[str]:
    differences = []
    spacing_a, spacing_b = a.canonical_spacing_mm, b.canonical_spacing_mm
    if not np.allclose(spacing_a, spacing_b, rtol=_SPACING_TOLERANCE, atol=0):
        differences.append(f"spacing {vector_text(spacing_a)} against {vector_text(spacing_b)} mm")
    rows_a, rows_b = a.canonical_grid()[1], b.canonical_grid()[1]
    if not np.allclose(rows_a, rows_b, rtol=0, atol=_DIRECTION_TOLERANCE):
        differences.append(
            f"direction {vector_text(rows_a.ravel())} against {vector_text(rows_b.ravel())}"
        )
    return differences
