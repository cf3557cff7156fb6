"""U-Net (Ronneberger et al., MICCAI 2015), and the layers of the 3D U-Net.

There are two differences from the papers. Convolutions are padded, so the output is as large as the
input. Each convolution is followed by instance norm: the U-Net paper has no norm; the 3D U-Net
paper uses batch norm with a batch of one and the statistics of the current image, which is
equivalent.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from amcnet.networks.any_size import Core
from amcnet.networks.layers import Conv3d, InstanceNorm
from amcnet.networks.registry import NetworkSpec, register_network


class UNet(Core):
    """An encoder and a decoder with two convolutions and a skip connection per stage.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output.
        stages: Channels after the first and second convolution of each encoder stage. In the
            decoder, both have the second number.
        dimensions: 2 or 3.
        halves: Whether up-sampling halves the channels.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: Sequence[tuple[int, int]],
        dimensions: int,
        halves: bool,
    ) -> None:
        super().__init__()
        flat = dimensions == 2
        up = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        head = nn.Conv2d if flat else nn.Conv3d
        self.pool = nn.MaxPool2d(2) if flat else nn.MaxPool3d(2)
        self.down = nn.ModuleList()
        previous = in_channels
        for first, second in stages:
            self.down.append(_two_convolutions(dimensions, previous, first, second))
            previous = second
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for _, skip in reversed(stages[:-1]):
            enlarged = previous // 2 if halves else previous
            self.enlarge.append(up(previous, enlarged, 2, stride=2))
            self.up.append(_two_convolutions(dimensions, enlarged + skip, skip, skip))
            previous = skip
        self.head = head(previous, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; sizes must be multiples of 2 to the power of the number of poolings."""
        features, skips = self.down[0](image), []
        for stage in self.down[1:]:
            skips.append(features)
            features = stage(self.pool(features))
        for enlarge, stage in zip(self.enlarge, self.up, strict=True):
            features = stage(torch.cat((skips.pop(), enlarge(features)), dim=1))
        logits: Tensor = self.head(features)
        return logits


@register_network(
    NetworkSpec(
        name="unet",
        title="UNet",
        source="Ronneberger et al., MICCAI 2015",
        code="written for this package from the paper, Apache-2.0",
        sees="2d",
        width=64,
        bytes_per_width=16,
        bytes_per_class=6,
        divisor=(1, 16, 16),
    )
)
class UNet2D(UNet):
    """The 2D U-Net; the authors' width is 64."""

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        stages = [(width * 2**stage, width * 2**stage) for stage in range(5)]
        super().__init__(in_channels, num_classes, stages, dimensions=2, halves=True)


def _two_convolutions(dimensions: int, before: int, first: int, second: int) -> nn.Sequential:
    convolution = nn.Conv2d if dimensions == 2 else Conv3d
    layers: list[nn.Module] = []
    for channels, out in ((before, first), (first, second)):
        layers += [
            convolution(channels, out, 3, padding=1, bias=False),  # the norm would remove a bias
            InstanceNorm(out, affine=True),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
