"""Boundaries at full resolution for a space-to-depth network.

The class of a group of voxels follows from the whole hand, but the course of a surface within the
group follows from the voxels themselves. Small convolutions on the voxels and the features of their
groups therefore compute logits that are added to those of the groups.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.architecture import AxisSizes
from amcnet.networks.layers import Conv3d
from amcnet.networks.space_to_depth import depth_to_space

_NEGATIVE_SLOPE = 0.01
_LAYERS = 3


class RefinementHead(nn.Module):
    """Computes logits that are added to those of the groups; they are zero before training.

    There are no norms: they would cost more than the convolutions and make the result of a crop
    differ from that of the whole volume.

    Args:
        in_channels: Channels of the image.
        group_channels: Channels of the features of a group.
        channels: Channels of the head's layers.
        num_classes: Classes of the output.
        factor: The space-to-depth factor, (scan, lateral, depth).

    Attributes:
        reach: Receptive field: largest distance, in voxels, at which the image influences a logit.
    """

    reach = _LAYERS + 1

    def __init__(
        self,
        in_channels: int,
        group_channels: int,
        channels: int,
        num_classes: int,
        factor: AxisSizes,
    ) -> None:
        super().__init__()
        self.factor = factor
        voxels = factor[0] * factor[1] * factor[2]
        self.of_image = Conv3d(in_channels, channels, 3, padding=1)
        self.of_groups = nn.Conv3d(group_channels, channels * voxels, 1)
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
            image: (batch, channel, scan, lateral, depth), with sizes that are multiples of the
                factor.
            features: (batch, channel, scan, lateral, depth) of these groups.
        """
        voxels = self.of_image(image) + depth_to_space(self.of_groups(features), self.factor)
        if not torch.onnx.is_in_onnx_export():  # ONNX knows no memory format
            # Three times as fast as channels-first on a CPU.
            voxels = voxels.contiguous(memory_format=torch.channels_last_3d)
        for layer in self.layers:
            voxels = voxels + layer(functional.leaky_relu(voxels, _NEGATIVE_SLOPE))
        return cast(Tensor, self.head(functional.leaky_relu(voxels, _NEGATIVE_SLOPE)))
