"""V-Net (Milletari et al., 3DV 2016): MONAI's stages with any width."""

from typing import ClassVar

from monai.networks.nets.vnet import (
    DownTransition,
    InputTransition,
    OutputTransition,
    UpTransition,
)
from torch import Tensor, nn

from amcnet.networks.any_size import Core
from amcnet.networks.architecture import Architecture
from amcnet.networks.layers import Conv3d
from amcnet.networks.registry import NetworkSpec, register_network

_ACTIVATION = "prelu"
_DROPOUT = 0.5


def _check(architecture: Architecture) -> None:
    width, channels = architecture.width, architecture.in_channels
    if width is not None and width % channels:  # it repeats its input
        raise ValueError(f"found width {width}, expected a multiple of in_channels, {channels}")


@register_network(
    NetworkSpec(
        name="vnet",
        title="VNet",
        source="Milletari et al., 3DV 2016",
        code="MONAI, Apache-2.0",
        sees="3d",
        width=16,
        bytes_per_width=28,
        bytes_per_class=8,
        divisor=(16, 16, 32),
        check=_check,
    )
)
class VNet(Core):
    """A residual 3D network with kernels of 5; at width 16 it is MONAI's ``VNet(act="prelu")``.

    Args:
        in_channels: Channels of the input; the width must be a multiple.
        num_classes: Classes of the output.
        width: Channels of the first stage; each stage doubles them.
    """

    class_axes: ClassVar[dict[str, int]] = {"out_tr.conv2.weight": 2, "out_tr.": 1}
    logit_layers: ClassVar[tuple[str, ...]] = ("out_tr.conv2",)

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        stages = [width * 2**stage for stage in range(5)]
        both = (_DROPOUT, _DROPOUT)
        self.in_tr = InputTransition(3, in_channels, width, _ACTIVATION)
        self.down_tr32 = DownTransition(3, stages[0], 1, _ACTIVATION)
        self.down_tr64 = DownTransition(3, stages[1], 2, _ACTIVATION)
        self.down_tr128 = DownTransition(3, stages[2], 3, _ACTIVATION, _DROPOUT)
        self.down_tr256 = DownTransition(3, stages[3], 2, _ACTIVATION, _DROPOUT)
        self.up_tr256 = UpTransition(3, stages[4], stages[4], 2, _ACTIVATION, both)
        self.up_tr128 = UpTransition(3, stages[4], stages[3], 2, _ACTIVATION, both)
        self.up_tr64 = UpTransition(3, stages[3], stages[2], 1, _ACTIVATION)
        self.up_tr32 = UpTransition(3, stages[2], stages[1], 1, _ACTIVATION)
        self.out_tr = OutputTransition(3, stages[1], num_classes, _ACTIVATION)
        for layer in self.modules():
            if type(layer) is nn.Conv3d:
                layer.__class__ = Conv3d  # same weights, but correct gradients in bfloat16

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; sizes must be multiples of 16."""
        first = self.in_tr(image)
        second = self.down_tr32(first)
        third = self.down_tr64(second)
        fourth = self.down_tr128(third)
        features = self.up_tr256(self.down_tr256(fourth), fourth)
        features = self.up_tr128(features, third)
        features = self.up_tr64(features, second)
        logits: Tensor = self.out_tr(self.up_tr32(features, first))
        return logits
