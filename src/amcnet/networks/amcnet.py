"""AMCNet (Zeng et al., MICCAI 2023, Fig. 1): an encoder and decoder of four ACM stages each."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.acm import ACM
from amcnet.networks.architecture import Branches

_POOLS = ((2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))


class AMCNet(nn.Module):
    """Segment a window of transverse slices.

    Channels are ``width`` times 1, 2, 4, 8 on the way down and back; ``width`` 64 with 39 classes
    is the paper's network (about 60.8 M parameters). Any input size works: odd sizes are pooled
    upwards, and each up-sampling goes to the size of its skip connection.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage.
        kernel_size: K of the 1D convolution in each ACM.
        branches: ``2d+3d``, or ``2d`` or ``3d`` alone for the ablation.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 39,
        width: int = 64,
        kernel_size: int = 3,
        branches: Branches = "2d+3d",
    ) -> None:
        super().__init__()
        channels = [width * 2**stage for stage in range(len(_POOLS))]
        self.encoder = nn.ModuleList()
        previous = in_channels
        for size in channels:
            self.encoder.append(ACM(previous, size, kernel_size, branches))
            previous = size
        self.pools = nn.ModuleList(nn.MaxPool3d(pool, ceil_mode=True) for pool in _POOLS)
        self.decoder = nn.ModuleList()
        for size in reversed(channels):
            self.decoder.append(ACM(previous + size, size, kernel_size, branches))
            previous = size
        self.head = nn.Conv3d(previous, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Args:
            image: Float (batch, channel, scan, lateral, depth).

        Returns:
            Logits (batch, class, scan, lateral, depth) of the same spatial size.
        """
        skips = []
        features = image
        for stage, pool in zip(self.encoder, self.pools, strict=True):
            features = stage(features)
            skips.append(features)
            features = pool(features)
        for stage in self.decoder:
            skip = skips.pop()
            features = functional.interpolate(
                features, size=skip.shape[2:], mode="trilinear", align_corners=False
            )
            features = stage(torch.cat((features, skip), dim=1))
        return cast(Tensor, self.head(features))
