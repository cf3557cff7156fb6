"""Spatial transforms: rotation, scaling, shift and elastic deformation in one resampling."""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from amcnet.io.geometry import Triple
from amcnet.training.transforms.random_stream import WindowRandom
from amcnet.training.transforms.settings import AugmentationConfig
from amcnet.training.transforms.smooth_field import smooth_field

# Distance over which an elastic deformation varies; about the size of a finger bone.
ELASTIC_LENGTH_MM = 24.0


@dataclass(frozen=True)
class SpatialTransform:
    """Spatial transform of a window about its centre.

    The window is scaled, then rotated, then shifted.

    Attributes:
        angle_deg: Rotation about the scan axis, from lateral towards depth.
        yaw_deg: Rotation about the depth axis, applied before the others, from scan towards
            lateral.
        pitch_deg: Rotation about the lateral axis, applied between the two, from scan towards
            depth.
        scale: Factors along (scan, lateral, depth).
        shift_mm: Shift along (lateral, depth).
        elastic_mm: Additional displacement of each sampling position along (scan, lateral, depth),
            float32 (3, scan, lateral, depth); None for no elastic deformation.
    """

    angle_deg: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift_mm: tuple[float, float] = (0.0, 0.0)
    elastic_mm: Tensor | None = None


def draw_spatial_transform(
    settings: AugmentationConfig, random: WindowRandom, shape: tuple[int, ...], spacing_mm: Triple
) -> SpatialTransform:
    """Return a random spatial transform of a window of a shape (scan, lateral, depth)."""
    angle = random.uniform(-settings.rotation_deg, settings.rotation_deg)
    scan, lateral, depth = (
        random.uniform(1 - settings.scale, 1 + settings.scale) for _ in range(3)
    )
    shift = [
        random.uniform(-settings.shift, settings.shift) * size * spacing
        for size, spacing in zip(shape[1:], spacing_mm[1:], strict=True)
    ]
    elastic = None
    if settings.elastic_mm or settings.elastic_scan_mm:
        share = random.uniform(0, 1)
        fields = 3 if settings.elastic_scan_mm else 2
        drawn = smooth_field(random, fields, shape, spacing_mm, ELASTIC_LENGTH_MM)
        elastic = torch.zeros((3, *shape), device=drawn.device)
        elastic[-fields:] = drawn.mul_(share)
        elastic[0] *= settings.elastic_scan_mm
        elastic[1:] *= settings.elastic_mm
    # Disabled transforms draw no random numbers, so other transforms do not change.
    yaw, pitch = (
        random.uniform(-limit, limit) if limit else 0.0
        for limit in (settings.yaw_deg, settings.pitch_deg)
    )
    return SpatialTransform(
        angle, yaw, pitch, (scan, lateral, depth), (shift[0], shift[1]), elastic_mm=elastic
    )


def sampling_grid(
    transform: SpatialTransform, shape: tuple[int, ...], spacing_mm: Triple, device: torch.device
) -> Tensor:
    """Return the sampling position of each voxel, in the format of ``grid_sample``.

    The rotation is computed in millimetres, so it is rigid for any spacing.

    Returns:
        float32 (scan, lateral, depth, 3), the last axis (depth, lateral, scan); -1 and 1 are
        the outer faces of the first and the last voxel (``align_corners=False``).
    """
    scan, lateral, depth = (
        (torch.arange(size, device=device) - (size - 1) / 2) * spacing
        for size, spacing in zip(shape, spacing_mm, strict=True)
    )
    along = scan[:, None, None]
    across = (lateral - transform.shift_mm[0])[:, None]
    down = depth - transform.shift_mm[1]
    if transform.elastic_mm is not None:
        along, across, down = (
            place + elastic
            for place, elastic in zip((along, across, down), transform.elastic_mm, strict=True)
        )
    half_mm = [
        factor * size * spacing / 2
        for factor, size, spacing in zip(transform.scale, shape, spacing_mm, strict=True)
    ]
    grid = torch.empty((3, *shape), device=device)
    turned = _rotation(transform)
    for axis in range(3):
        # Sampling positions need the inverse rotation, the transposed matrix.
        a, b, c = (float(row[axis]) / half_mm[axis] for row in turned)
        grid[2 - axis] = along * a + across * b + down * c
    return grid.movedim(0, -1)


def _rotation(transform: SpatialTransform) -> NDArray[np.float64]:
    """Return the rotation matrix for (scan, lateral, depth) in mm."""
    turns = ((0, 1, transform.yaw_deg), (0, 2, transform.pitch_deg), (1, 2, transform.angle_deg))
    matrix = np.eye(3)
    for first, second, angle_deg in turns:
        c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = c
        turn[second, first], turn[first, second] = s, -s
        matrix = turn @ matrix
    return matrix


def resample_window(image: Tensor, labels: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Sample a window at the positions of a grid.

    Args:
        image: float32 (channel, scan, lateral, depth), interpolated trilinearly; its border is
            repeated outside.
        labels: uint8 (scan, lateral, depth); nearest neighbour, with background outside.
        grid: See :func:`sampling_grid`.
    """
    # Each slice is an element of a batch that shares one volume: the CPU samples them in parallel.
    grid = grid[:, None]
    volume = image.expand(len(grid), *image.shape)
    moved = functional.grid_sample(
        volume, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    values = labels.float().expand(len(grid), 1, *labels.shape)  # up to 255: exact in float32
    moved_labels = functional.grid_sample(
        values, grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return moved[:, :, 0].transpose(0, 1), moved_labels[:, 0, 0].to(labels.dtype)
