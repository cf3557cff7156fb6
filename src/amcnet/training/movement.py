"""Moving a training window: rotation, scale, shift and elastic change in one resampling."""

from dataclasses import dataclass
from math import cos, radians, sin

import torch
from torch import Tensor
from torch.nn import functional

from amcnet.data.augmentation import Augmentation
from amcnet.training.smooth_field import smooth_field
from amcnet.training.window_random import WindowRandom

ELASTIC_LENGTH_MM = 24.0  # over which an elastic change varies; about a finger bone
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Movement:
    """How the content of a window is moved about the window's centre.

    It is scaled, then rotated, then shifted.

    Attributes:
        angle_deg: Rotation about the scan axis, from lateral towards depth.
        scale: Factors along (scan, lateral, depth).
        shift_mm: Shift along (lateral, depth).
        elastic_mm: Further displacement along (lateral, depth) from where each voxel is taken,
            float32 (2, scan, lateral, depth); None where there is none.
    """

    angle_deg: float = 0.0
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift_mm: tuple[float, float] = (0.0, 0.0)
    elastic_mm: Tensor | None = None


def draw_movement(
    settings: Augmentation, random: WindowRandom, shape: tuple[int, ...], spacing_mm: Spacing
) -> Movement:
    """Return a random movement of a window of a shape (scan, lateral, depth)."""
    angle = random.uniform(-settings.rotation_deg, settings.rotation_deg)
    scan, lateral, depth = (
        random.uniform(1 - settings.scale, 1 + settings.scale) for _ in range(3)
    )
    shift = [
        random.uniform(-settings.shift, settings.shift) * size * spacing
        for size, spacing in zip(shape[1:], spacing_mm[1:], strict=True)
    ]
    elastic = None
    if settings.elastic_mm:
        strength = random.uniform(0, settings.elastic_mm)
        elastic = strength * smooth_field(random, 2, shape, spacing_mm, ELASTIC_LENGTH_MM)
    return Movement(angle, (scan, lateral, depth), (shift[0], shift[1]), elastic)


def sampling_grid(
    movement: Movement, shape: tuple[int, ...], spacing_mm: Spacing, device: torch.device
) -> Tensor:
    """Return where each voxel is taken from, as ``grid_sample`` wants it.

    The rotation is one in millimetres, so it is rigid whatever the spacing is.

    Returns:
        float32 (scan, lateral, depth, 3), the last axis (depth, lateral, scan); -1 and 1 are
        the outer faces of the first and the last voxel (``align_corners=False``).
    """
    scan, lateral, depth = (
        (torch.arange(size, device=device) - (size - 1) / 2) * spacing
        for size, spacing in zip(shape, spacing_mm, strict=True)
    )
    across = (lateral - movement.shift_mm[0])[:, None]
    down = (depth - movement.shift_mm[1])[None, :]
    if movement.elastic_mm is not None:
        across, down = across + movement.elastic_mm[0], down + movement.elastic_mm[1]
    half_mm = [
        factor * size * spacing / 2
        for factor, size, spacing in zip(movement.scale, shape, spacing_mm, strict=True)
    ]
    c, s = cos(radians(movement.angle_deg)), sin(radians(movement.angle_deg))
    grid = torch.empty((3, *shape), device=device)
    grid[0] = torch.add(across * (-s / half_mm[2]), down, alpha=c / half_mm[2])
    grid[1] = torch.add(across * (c / half_mm[1]), down, alpha=s / half_mm[1])
    grid[2] = (scan / half_mm[0])[:, None, None]
    return grid.movedim(0, -1)


def resample_window(image: Tensor, labels: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Take a window from where a grid says.

    Args:
        image: float32 (channel, scan, lateral, depth); trilinear, its border goes on outside.
        labels: uint8 (scan, lateral, depth); the nearest one, background outside.
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
