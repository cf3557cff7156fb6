"""Boundaries at the grid of the voxels, for a network that works on blocks of them.

What a block is, is known from the whole hand; where in it a surface runs, is seen in its voxels. So
some small convolutions look at the voxels, together with what the blocks know of each of them, and
what they find is added to the logits of the blocks.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.architecture import Triple
from amcnet.networks.layers import Conv3d
from amcnet.networks.space_to_depth import from_channels

_NEGATIVE_SLOPE = 0.01
_LAYERS = 3


class Detail(nn.Module):
    """Logits to add to those of the blocks; none at first.

    There are no norms, which would cost more than the convolutions and make a part of a volume
    differ from the whole of it.

    Args:
        in_channels: Channels of the image.
        block_channels: Channels of the blocks' features.
        channels: Channels of its own layers.
        num_classes: Classes of the output.
        block: See :mod:`amcnet.networks.space_to_depth`.

    Attributes:
        reach: How many voxels around a voxel have a part in its logits, beside its block.
    """

    reach = _LAYERS + 1

    def __init__(
        self,
        in_channels: int,
        block_channels: int,
        channels: int,
        num_classes: int,
        block: Triple,
    ) -> None:
        super().__init__()
        self.block = block
        voxels = block[0] * block[1] * block[2]
        self.of_image = Conv3d(in_channels, channels, 3, padding=1)
        self.of_blocks = nn.Conv3d(block_channels, channels * voxels, 1)
        self.layers = nn.ModuleList(
            Conv3d(channels, channels, 3, padding=1) for _ in range(_LAYERS)
        )
        self.head = nn.Conv3d(channels, num_classes, 1)
        for layer in self.layers:
            nn.init.kaiming_normal_(cast(Tensor, layer.weight), _NEGATIVE_SLOPE)
            nn.init.zeros_(cast(Tensor, layer.bias))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """Return logits of all voxels (batch, class, scan, lateral, depth).

        Args:
            image: (batch, channel, scan, lateral, depth), whole blocks.
            features: Those of its blocks.
        """
        voxels = self.of_image(image) + from_channels(self.of_blocks(features), self.block)
        if not torch.onnx.is_in_onnx_export():  # ONNX knows no memory format
            # Takes a third of the time of channels-first on a CPU.
            voxels = voxels.contiguous(memory_format=torch.channels_last_3d)
        for layer in self.layers:
            voxels = voxels + layer(functional.leaky_relu(voxels, _NEGATIVE_SLOPE))
        return cast(Tensor, self.head(functional.leaky_relu(voxels, _NEGATIVE_SLOPE)))
