"""SwinUNet (Cao et al., ECCV Workshops 2022): a U-Net of attention within shifted windows."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from amcnet.networks.any_size import Core
from amcnet.networks.registry import NetworkSpec, register_network
from amcnet.networks.swin_blocks import SwinStage

_HEADS = (3, 6, 12, 24)
_BLOCKS = 2  # blocks per stage
_DROP_PATH = 0.2
_PATCH = 4


@register_network(
    NetworkSpec(
        name="swinunet",
        title="SwinUNet",
        source="Cao et al., ECCV Workshops 2022",
        code="written for this package from the paper, Apache-2.0",
        sees="2d",
        width=96,
        bytes_per_width=4,
        bytes_per_class=14,
        divisor=(1, 32, 32),
        width_step=3,  # attention heads of the first stage
    )
)
class SwinUNet(Core):
    """The 2D network with the settings of Swin-T, without pre-trained weights.

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output.
        width: Channels of the first stage, a multiple of 3; the authors use 96. Each stage doubles
            the channels.
        window: Side of an attention window. The authors use 7 for planes of 224 x 224; 8 divides
            the stages of a plane of 512 x 256 evenly.
    """

    def __init__(self, in_channels: int, num_classes: int, width: int, window: int = 8) -> None:
        super().__init__()
        last = len(_HEADS) - 1
        channels = [width * 2**stage for stage in range(last + 1)]
        self.embed = nn.Conv2d(in_channels, width, _PATCH, _PATCH)
        self.embed_norm = nn.LayerNorm(width)
        rates = np.linspace(0, _DROP_PATH, _BLOCKS * len(_HEADS)).reshape(-1, _BLOCKS).tolist()

        def stage(number: int) -> SwinStage:
            # At the authors' sizes, the plane of the last stage is a single window: nothing to
            # shift.
            return SwinStage(channels[number], _HEADS[number], window, number < last, rates[number])

        self.down = nn.ModuleList(stage(number) for number in range(last + 1))
        self.merge = nn.ModuleList(_Merge(size) for size in channels[:-1])
        self.down_norm = nn.LayerNorm(channels[-1])
        self.expand = nn.ModuleList(_Expand(size, 2, size // 2) for size in channels[:0:-1])
        self.mix = nn.ModuleList(nn.Linear(2 * size, size) for size in channels[-2::-1])
        self.up = nn.ModuleList(stage(number) for number in reversed(range(last)))
        self.up_norm = nn.LayerNorm(width)
        self.enlarge = _Expand(width, _PATCH, width)
        self.head = nn.Conv2d(width, num_classes, 1)
        self.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; sizes must be multiples of 32."""
        features = self.embed_norm(self.embed(image).permute(0, 2, 3, 1))
        skips = []
        for stage, merge in zip(
            self.down, self.merge, strict=False
        ):  # the last stage does not merge
            features = stage(features)
            skips.append(features)
            features = merge(features)
        features = self.down_norm(self.down[-1](features))
        for expand, mix, stage in zip(self.expand, self.mix, self.up, strict=True):
            features = stage(mix(torch.cat((expand(features), skips.pop()), dim=3)))
        features = self.enlarge(self.up_norm(features))
        logits: Tensor = self.head(features.permute(0, 3, 1, 2))
        return logits


class _Merge(nn.Module):
    """Halve the plane: four tokens become one with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduce = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        # Slices with a step of 2 would be shorter, but OpenVINO then computes the wrong size.
        four = functional.pixel_unshuffle(features.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        reduced: Tensor = self.reduce(self.norm(four))
        return reduced


class _Expand(nn.Module):
    """Enlarge the plane: a token becomes factor x factor tokens with fewer channels."""

    def __init__(self, channels: int, factor: int, out_channels: int) -> None:
        super().__init__()
        self.factor = factor
        self.widen = nn.Linear(channels, factor * factor * out_channels, bias=False)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        wide = self.widen(features).permute(0, 3, 1, 2)
        enlarged: Tensor = self.norm(
            functional.pixel_shuffle(wide, self.factor).permute(0, 2, 3, 1)
        )
        return enlarged


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
