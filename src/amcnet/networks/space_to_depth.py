"""Space-to-depth: groups of voxels as channels, and back.

A space-to-depth network sees every voxel (as channels of its input) and labels every voxel (its
output has all classes for each voxel of a group), but its convolutions run on a grid that is
coarser by the space-to-depth factor. A whole hand then fits into one window. In 2D, the inverse is
known as sub-pixel convolution (Shi et al., CVPR 2016).
"""

from torch import Tensor
from torch.nn import functional

from amcnet.networks.architecture import AxisSizes


def pad_to_divisor(volume: Tensor, divisor: AxisSizes) -> Tensor:
    """Repeat the far border of a volume until its size is a multiple of a divisor.

    Args:
        volume: (batch, channel, scan, lateral, depth).
        divisor: Along (scan, lateral, depth).

    Example:
        >>> import torch
        >>> tuple(pad_to_divisor(torch.zeros(1, 1, 5, 4, 7), (2, 2, 4)).shape)
        (1, 1, 6, 4, 8)
    """
    missing = [-size % step for size, step in zip(volume.shape[2:], divisor, strict=True)]
    scan, lateral, depth = missing
    return functional.pad(volume, (0, depth, 0, lateral, 0, scan), mode="replicate")


def space_to_depth(volume: Tensor, factor: AxisSizes) -> Tensor:
    """Turn the voxels of each group into channels.

    Args:
        volume: (batch, channel, scan, lateral, depth), multiples of the factor.
        factor: Size of a group along (scan, lateral, depth).

    Returns:
        (batch, voxel of a group x channel, coarser scan, lateral, depth).

    Example:
        >>> import torch
        >>> tuple(space_to_depth(torch.zeros(1, 1, 4, 6, 8), (2, 3, 2)).shape)
        (1, 12, 2, 2, 4)
    """
    batch, channels, scan, lateral, depth = volume.shape
    a, b, c = factor
    parts = volume.view(batch, channels, scan // a, a, lateral // b, b, depth // c, c)
    parts = parts.permute(0, 3, 5, 7, 1, 2, 4, 6)
    return parts.reshape(batch, a * b * c * channels, scan // a, lateral // b, depth // c)


def depth_to_space(coarse: Tensor, factor: AxisSizes) -> Tensor:
    """Undo :func:`space_to_depth`."""
    batch, channels, scan, lateral, depth = coarse.shape
    a, b, c = factor
    channels = channels // (a * b * c)
    parts = coarse.view(batch, a, b, c, channels, scan, lateral, depth)
    parts = parts.permute(0, 4, 5, 1, 6, 2, 7, 3)
    return parts.reshape(batch, channels, scan * a, lateral * b, depth * c)
