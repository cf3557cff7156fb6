"""Gaussian blur, an axis at a time."""

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

_REACH = 3.0  # standard deviations
_LEAST = 0.1  # voxels: less changes nothing


def blurred(image: Tensor, deviation: Sequence[float]) -> Tensor:
    """Return a blurred image; beyond its borders the outermost voxels go on.

    Args:
        image: Floating point, (channel, scan, lateral, depth).
        deviation: Standard deviation along each axis, in voxels.
    """
    for axis, sigma in enumerate(deviation):
        if sigma < _LEAST:
            continue
        reach = ceil(_REACH * sigma)
        offset = torch.arange(-reach, reach + 1, device=image.device)
        kernel = torch.exp(-0.5 * (offset / sigma) ** 2)
        kernel /= kernel.sum()
        shape, padding = [1, 1, 1], [0, 0, 0]
        shape[axis], padding[axis] = len(kernel), reach
        scan, lateral, depth = padding
        framed = functional.pad(
            image[:, None], (depth, depth, lateral, lateral, scan, scan), mode="replicate"
        )
        image = functional.conv3d(framed, kernel.view(1, 1, *shape))[:, 0]
    return image
