"""The refiner: a small 3D network that corrects the boundaries of a label map.

It sees a patch of the image on a fine grid together with the kinds (bone, epiphysis, ...) that a
first network found there, and returns logits of the background and of each kind. The idea of a
second, local stage is that of the cascades of nnU-Net (Isensee et al., Nature Methods 2021) and of
PointRend (Kirillov et al., CVPR 2020).
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.layers import Conv3d, InstanceNorm
from amcnet.networks.refiner_architecture import RefinerArchitecture

_NEGATIVE_SLOPE = 0.01
_TRUST = 1.0  # initial logit of the kind that the first network found


class Refiner(nn.Module):
    """A U-Net that adds a correction to the kinds in its input.

    The correction is initially zero, so an untrained refiner returns its input. The norms depend on
    the whole patch, so inference should use the patch size of training.

    Args:
        architecture: Its sizes.

    Example:
        >>> network = Refiner(RefinerArchitecture(kinds=2, widths=(4, 8)))
        >>> patch = torch.zeros(1, 3, 8, 8, 8)  # an image and two kinds
        >>> patch[:, 2, 2:6] = 1  # the second kind
        >>> network(patch).argmax(dim=1)[0, :, 0, 0].tolist()
        [0, 0, 2, 2, 2, 2, 0, 0]
    """

    def __init__(self, architecture: RefinerArchitecture) -> None:
        super().__init__()
        widths = architecture.widths
        self.kinds = architecture.kinds
        self.first = Conv3d(architecture.in_channels + self.kinds, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(_Residual(width) for width in widths)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv3d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(coarse, fine, 2, stride=2) for fine, coarse in reversed(pairs)
        )
        self.decoder = nn.ModuleList(_Residual(fine) for fine, _ in reversed(pairs))
        self.head = nn.Conv3d(widths[0], self.kinds + 1, 1)
        self.trust = nn.Parameter(torch.tensor(_TRUST))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, patch: Tensor) -> Tensor:
        """Return logits (batch, 1 + kind, scan, lateral, depth).

        Args:
            patch: Float (batch, channel, scan, lateral, depth): the channels of the image, then one
                per kind, 1 where the first network found it and 0 elsewhere. Sizes are multiples of
                the architecture's divisor.
        """
        features = self.encoder[0](self.first(patch))
        skips: list[Tensor] = []
        for down, layer in zip(self.down, list(self.encoder)[1:], strict=True):
            skips.append(features)
            features = layer(down(_activated(features)))
        for up, layer in zip(self.up, self.decoder, strict=True):
            features = layer(up(_activated(features)) + skips.pop())
        found = patch[:, -self.kinds :]
        prior = torch.cat((1 - found.sum(dim=1, keepdim=True), found), dim=1)
        return cast(Tensor, self.trust * prior + self.head(_activated(features)))


class _Residual(nn.Module):
    """A norm, an activation and a convolution whose output is added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = InstanceNorm(width, affine=True)
        self.convolution = Conv3d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.convolution.weight, _NEGATIVE_SLOPE)
        nn.init.zeros_(cast(Tensor, self.convolution.bias))

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.convolution(_activated(self.norm(features))))


def _activated(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, _NEGATIVE_SLOPE)
