"""Marching cubes whose surfaces are closed by construction.

Lorensen and Cline, Computer Graphics 21, 1987, doi:10.1145/37402.37422. The table of the 256 cases
is derived, not copied: on each face of a cube, the contour surrounds every sequence of corners that
lie inside. This depends only on the four corners of the face, so two cubes always agree on their
common face; and no diagonal of a polygon lies in a face. Every edge of the surface therefore has
two triangles.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_CORNERS = tuple((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))
# Edges of the cube: (corner nearer to the origin, axis).
_EDGES = tuple((c, axis) for c in _CORNERS for axis in range(3) if c[axis] == 0)

Loop = list[int]
Triangle = tuple[int, int, int]


def marching_cubes(
    field: NDArray[np.float32], level: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the surface around all samples above a level.

    Args:
        field: Samples, 3D; those on the border of the array are not above the level.
        level: Samples above it are inside.

    Returns:
        Points (n, 3) in units of samples, in the order of the array's axes, and triangles (m, 3) as
        indices of points, counter-clockwise when seen from outside with right-handed axes.
    """
    inside = field > level
    cells, cases = _cells(inside)
    table, counts = _table()
    number = counts[cases].astype(np.int64)
    first = np.cumsum(number) - number
    which = np.repeat(np.arange(cells.size), number)
    edges = table[cases[which], np.arange(which.size) - first[which]]
    strides = np.array([field.shape[1] * field.shape[2], field.shape[2], 1])
    low = np.array([corner @ strides for corner, _ in _edge_arrays()])
    axis = np.array([axis for _, axis in _edge_arrays()])
    # An edge of the grid is identified by its lower sample and its axis, in all cubes around it.
    ends = (cells[which][:, None] + low[edges]) * 3 + axis[edges]
    unique, triangles = np.unique(ends, return_inverse=True)
    points = _points(field, level, unique // 3, unique % 3, strides)
    return points, triangles.reshape(-1, 3).astype(np.int64)


def _cells(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the lowest sample, as a flat index, and the case of every cube that is cut."""
    cases = np.zeros([n - 1 for n in inside.shape], np.uint8)
    for bit, corner in enumerate(_CORNERS):
        part = tuple(slice(c, n - 1 + c) for c, n in zip(corner, inside.shape, strict=True))
        cases |= inside[part].astype(np.uint8) << np.uint8(bit)
    where = np.nonzero((cases != 0) & (cases != 255))
    flat = np.ravel_multi_index(where, inside.shape)
    return np.asarray(flat, np.int64), cases[where]


def _points(
    field: NDArray[np.float32],
    level: float,
    low: NDArray[np.int64],
    axis: NDArray[np.int64],
    strides: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return where the level is crossed between each sample and the next one along an axis."""
    values = field.reshape(-1)
    here = values[low].astype(np.float64)
    there = values[low + strides[axis]].astype(np.float64)
    # Never at a sample itself, where the points of several edges would coincide.
    share = np.clip((level - here) / (there - here), 0.01, 0.99)
    points = np.stack(np.unravel_index(low, field.shape), axis=1).astype(np.float64)
    points[np.arange(low.size), axis] += share
    return points


def _edge_arrays() -> list[tuple[NDArray[np.int64], int]]:
    return [(np.array(corner, np.int64), axis) for corner, axis in _EDGES]


@cache
def _table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the triangles of each case as edge numbers, (256, most, 3), and their number."""
    cases = [[t for loop in _loops(case) for t in _triangulate(loop)] for case in range(256)]
    counts = np.array([len(case) for case in cases], np.int64)
    table = np.zeros((256, counts.max(), 3), np.int64)
    for row, case in zip(table, cases, strict=True):
        row[: len(case)] = np.array(case, np.int64).reshape(-1, 3)
    return table, counts


def _loops(case: int) -> list[Loop]:
    """Return the closed contours of a case: edges of the cube, in order."""
    inside = {corner for bit, corner in enumerate(_CORNERS) if case >> bit & 1}
    following: dict[int, int] = {}
    for face in _faces():
        flags = [corner in inside for corner in face]
        for start in range(4):
            if flags[start] and not flags[start - 1]:  # a sequence of inside corners begins
                end = start
                while flags[(end + 1) % 4]:
                    end += 1
                entry = _edge_between(face[start - 1], face[start])
                following[entry] = _edge_between(face[end % 4], face[(end + 1) % 4])
    loops = []
    while following:
        loop = [next(iter(following))]
        while (edge := following.pop(loop[-1])) != loop[0]:
            loop.append(edge)
        loops.append(loop)
    return loops


@cache
def _faces() -> tuple[tuple[tuple[int, int, int], ...], ...]:
    """Return the corners of each face, turning to the left when seen from outside."""
    faces = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, 1):
            around = [(0, 0), (1, 0), (1, 1), (0, 1)][:: 1 if side else -1]
            corners = []
            for a, b in around:
                corner = [0, 0, 0]
                corner[axis], corner[u], corner[v] = side, a, b
                corners.append((corner[0], corner[1], corner[2]))
            faces.append(tuple(corners))
    return tuple(faces)


def _edge_between(a: tuple[int, int, int], b: tuple[int, int, int]) -> int:
    axis = next(i for i in range(3) if a[i] != b[i])
    return _EDGES.index((min(a, b), axis))


def _triangulate(loop: Loop) -> list[Triangle]:
    """Divide a contour into triangles, with diagonals only through the inside of the cube."""
    rest, triangles = list(loop), []
    while len(rest) > 3:
        ear = next(
            i for i in range(len(rest)) if not _share_a_face(rest[i - 1], rest[(i + 1) % len(rest)])
        )
        triangles.append((rest[ear - 1], rest[ear], rest[(ear + 1) % len(rest)]))
        del rest[ear]
    triangles.append((rest[0], rest[1], rest[2]))
    return triangles


def _share_a_face(a: int, b: int) -> bool:
    def sides(edge: int) -> set[tuple[int, int]]:
        corner, along = _EDGES[edge]
        return {(axis, corner[axis]) for axis in range(3) if axis != along}

    return bool(sides(a) & sides(b))
