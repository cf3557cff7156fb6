"""Boundaries at the grid of the voxels, for a network that works on blocks of them.

What a block is, is known from the whole hand; where in it a surface runs, is seen in its voxels. So
some small convolutions look at the voxels, together with what the blocks know, and what they find
is added to the logits of the blocks.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.layers import Conv3d, InstanceNorm

_NEGATIVE_SLOPE = 0.01


class Detail(nn.Module):
    """Logits to add to those of the blocks; none at first.

    Args:
        in_channels: Channels of the image.
        block_channels: Channels of the blocks' features.
        channels: Channels of its own layers.
        num_classes: Classes of the output.
    """

    def __init__(
        self, in_channels: int, block_channels: int, channels: int, num_classes: int
    ) -> None:
        super().__init__()
        self.of_image = Conv3d(in_channels, channels, 3, padding=1)
        self.of_blocks = nn.Conv3d(block_channels, channels, 1)
        self.mix = nn.Sequential(*_layer(channels), *_layer(channels))
        self.head = nn.Conv3d(channels, num_classes, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, image: Tensor, features: Tensor) -> Tensor:
        """Return features of all voxels (batch, channel, scan, lateral, depth), for the head.

        Args:
            image: (batch, channel, scan, lateral, depth), whole blocks.
            features: Those of its blocks.
        """
        known = functional.interpolate(
            self.of_blocks(features), size=image.shape[2:], mode="trilinear", align_corners=False
        )
        return cast(Tensor, self.mix(self.of_image(image) + known))


def _layer(channels: int) -> list[nn.Module]:
    return [
        InstanceNorm(channels, affine=True),
        nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
        Conv3d(channels, channels, 3, padding=1),
    ]
