"""Points on the surfaces of bones, and distances between bones."""

from itertools import combinations

import numpy as np

from amcnet.phantom.long_bone import LongBone
from amcnet.phantom.solids import Field, Vector

_BISECTIONS = 10
_AROUND = 16
_CAP_ANGLES_DEG = (12.0, 30.0, 48.0, 64.0, 78.0)


def surface_points(bone: LongBone) -> Vector:
    """Return points (n, 3) on the surface of a part of a bone, in its frame, mm.

    The surface is found along rays from points on the axis: around the sides, and in a hemisphere
    at both ends.
    """
    p = bone.profile
    middle = np.zeros(1, np.float32)
    low = float(bone.proximal.height_mm(middle, middle)[0])
    high = float(bone.distal.height_mm(middle, middle)[0])
    radius = bone.girth * p.radius_mm
    inset = min(0.4 * (high - low), 0.6 * radius)
    count = max(2, int((high - low - 2 * inset) / (0.35 * radius)))
    along = np.linspace(low + inset, high - inset, count)
    index = [p.index(value) for value in along]
    axis = np.stack([along, p.across_mm[index], p.down_mm[index]], axis=1)

    around = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    ring = np.stack([0 * around, np.cos(around), np.sin(around)], axis=1)
    polar = np.deg2rad(_CAP_ANGLES_DEG)[:, None]
    cap = np.stack(
        np.broadcast_arrays(np.cos(polar), np.sin(polar) * ring[:, 1], np.sin(polar) * ring[:, 2]),
        axis=-1,
    ).reshape(-1, 3)
    cap = np.concatenate([[[1.0, 0.0, 0.0]], cap])
    starts = np.concatenate(
        [
            np.repeat(axis, len(ring), axis=0),
            np.broadcast_to(axis[0], cap.shape),
            np.broadcast_to(axis[-1], cap.shape),
        ]
    )
    rays = np.concatenate([np.tile(ring, (len(axis), 1)), cap * (-1, 1, 1), cap])
    inside = np.zeros(len(rays))
    outside = np.full(len(rays), 1.8 * radius + inset)
    for _ in range(_BISECTIONS):
        half = (inside + outside) / 2
        points = _columns(starts + half[:, None] * rays)
        within = bone.local_distance_mm(*points) < 0
        inside, outside = np.where(within, half, inside), np.where(within, outside, half)
    surface: Vector = starts + ((inside + outside) / 2)[:, None] * rays
    return surface


def gap_mm(points_mm: Vector, bone: LongBone) -> float:
    """Return the smallest distance of points, in (scan, lateral, depth), from a bone."""
    return float(bone.distance_mm(*_columns(points_mm)).min())


def smallest_gap_mm(
    bones: dict[int, LongBone], points_mm: dict[int, Vector], within_mm: float
) -> float:
    """Return the smallest distance between any two bones, at most ``within_mm``.

    Args:
        bones: The bones, by arbitrary keys.
        points_mm: Points on the surface of each, in its frame.
        within_mm: Pairs whose bounding boxes are farther apart are skipped.
    """
    boxes = {key: bone.bounds_mm(within_mm / 2) for key, bone in bones.items()}
    placed = {key: bone.frame.points(points_mm[key]) for key, bone in bones.items()}
    smallest = within_mm
    for one, other in combinations(bones, 2):
        low = np.maximum(boxes[one][0], boxes[other][0])
        high = np.minimum(boxes[one][1], boxes[other][1])
        if np.any(low > high):
            continue
        for points, bone in ((placed[one], bones[other]), (placed[other], bones[one])):
            near = points[
                np.all((points >= low - within_mm) & (points <= high + within_mm), axis=1)
            ]
            if len(near):
                smallest = min(smallest, gap_mm(near, bone))
    return smallest


def _columns(points: Vector) -> tuple[Field, Field, Field]:
    s, x, d = points.astype(np.float32).T
    return s, x, d
