"""Gaussian blur, one axis at a time."""

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor

_REACH = 3.0  # standard deviations
_LEAST = 0.1  # voxels: smaller values change nothing


def blurred(image: Tensor, deviation: Sequence[float]) -> Tensor:
    """Return a blurred image; the border is padded with the outermost voxels.

    Args:
        image: Floating point, (channel, scan, lateral, depth).
        deviation: Standard deviation along each axis, in voxels.
    """
    for axis, sigma in enumerate(deviation, start=1):
        if sigma >= _LEAST:
            # A matrix product: on a CPU many times faster than a convolution of one channel.
            matrix = _blur_matrix(image.shape[axis], sigma).to(image)
            image = torch.tensordot(image, matrix, dims=([axis], [1])).movedim(-1, axis)
    return image


def _blur_matrix(size: int, sigma: float) -> Tensor:
    """Return the weights (output voxel, input voxel)."""
    reach = ceil(_REACH * sigma)
    offset = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (offset / sigma) ** 2)
    source = (torch.arange(size)[:, None] + offset).clamp_(0, size - 1)
    weights = (kernel / kernel.sum()).expand(size, -1)
    return torch.zeros(size, size).scatter_add_(1, source, weights)
