"""Smooth random fields: cubic B-splines over a coarse grid of random values."""

from math import floor

import torch
from torch import Tensor

from amcnet.training.transforms.random_stream import WindowRandom


def smooth_field(
    random: WindowRandom,
    fields: int,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    length_mm: float,
) -> Tensor:
    """Return random fields within -1 to 1 that vary over a given length.

    A field has continuous second derivatives, and its slope along an axis is at most 2 /
    ``length_mm``, because a spline's slope is a weighted mean of the differences of its values.

    Args:
        random: The window's random numbers.
        fields: Number of fields.
        shape: Size in (scan, lateral, depth).
        spacing_mm: Spacing, by axis.
        length_mm: Distance of the random values, at least one voxel.

    Returns:
        float32 (field, scan, lateral, depth) on the device of ``random``.
    """
    steps = [max(length_mm / spacing, 1.0) for spacing in spacing_mm]  # in voxels
    counts = [floor((size - 1) / step) + 4 for size, step in zip(shape, steps, strict=True)]
    field = random.uniform_grid(fields, *counts)
    for size, step, count in zip(shape, steps, counts, strict=True):
        basis = _spline_basis(size, step, count).to(random.device)
        field = torch.tensordot(field, basis, dims=([1], [1]))  # moves the axis to the end
    return field


def _spline_basis(size: int, step: float, count: int) -> Tensor:
    """Return the weights (voxel, value) of a uniform cubic B-spline."""
    position = torch.arange(size, dtype=torch.float64) / step
    first = position.floor()
    t = position - first
    weights = torch.stack(
        ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3), dim=1
    )
    index = first.long()[:, None] + torch.arange(4)
    basis = torch.zeros(size, count, dtype=torch.float64)
    return basis.scatter_(1, index, weights / 6).float()
