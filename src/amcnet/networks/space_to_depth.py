"""Blocks of voxels as channels, and back: a fine grid at the price of a coarse one.

A network that works on blocks sees every voxel (as channels of its input) and labels every voxel
(by the classes of its output, once for each voxel of a block), but convolves on a grid that is
coarser by the size of a block: a whole hand then fits into one window. In 2D this is known as
sub-pixel convolution (Shi et al., CVPR 2016).
"""

from torch import Tensor
from torch.nn import functional

from amcnet.networks.architecture import Triple


def pad_to_blocks(volume: Tensor, block: Triple) -> Tensor:
    """Repeat the far border of (batch, channel, scan, lateral, depth) up to whole blocks."""
    missing = [-size % step for size, step in zip(volume.shape[2:], block, strict=True)]
    scan, lateral, depth = missing
    return functional.pad(volume, (0, depth, 0, lateral, 0, scan), mode="replicate")


def to_channels(volume: Tensor, block: Triple) -> Tensor:
    """Turn (batch, channel, scan, lateral, depth) into (batch, block x channel, coarser grid)."""
    batch, channels, scan, lateral, depth = volume.shape
    a, b, c = block
    parts = volume.view(batch, channels, scan // a, a, lateral // b, b, depth // c, c)
    parts = parts.permute(0, 3, 5, 7, 1, 2, 4, 6)
    return parts.reshape(batch, a * b * c * channels, scan // a, lateral // b, depth // c)


def from_channels(coarse: Tensor, block: Triple) -> Tensor:
    """Undo :func:`to_channels`."""
    batch, channels, scan, lateral, depth = coarse.shape
    a, b, c = block
    channels = channels // (a * b * c)
    parts = coarse.view(batch, a, b, c, channels, scan, lateral, depth)
    parts = parts.permute(0, 4, 5, 1, 6, 2, 7, 3)
    return parts.reshape(batch, channels, scan * a, lateral * b, depth * c)
