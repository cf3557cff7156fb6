"""UNet++ (Zhou et al., IEEE TMI 2020): MONAI's, with a loss at each of four outputs."""

from typing import ClassVar, cast

from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus
from torch import Tensor

from amcnet.networks.any_size import Core
from amcnet.networks.registry import NetworkSpec, register_network


# The norm of the last stage needs at least two voxels.
@register_network(
    NetworkSpec(
        name="unetplusplus",
        title="UNet++",
        source="Zhou et al., IEEE TMI 2020",
        code="MONAI, Apache-2.0",
        sees="2d",
        width=32,
        bytes_per_width=54,
        bytes_per_class=4,
        divisor=(1, 16, 32),
    )
)
class UNetPlusPlus(Core):
    """The 2D network; its output is the mean of all four outputs (the authors' accurate mode).

    Args:
        in_channels: Channels of the input.
        num_classes: Classes of the output.
        width: Channels of the first stage (the authors use 32); each stage doubles them.
    """

    class_axes: ClassVar[dict[str, int]] = {"nested.final_conv": 1}
    logit_layers: ClassVar[tuple[str, ...]] = tuple(
        f"nested.final_conv_0_{depth}" for depth in range(1, 5)
    )
    output_weights: ClassVar[tuple[float, ...]] = (0.25, 0.25, 0.25, 0.25)

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        features = (*(width * 2**stage for stage in range(5)), width)
        self.nested = BasicUNetPlusPlus(
            2, in_channels, num_classes, features, deep_supervision=True
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; sizes must be multiples of 16."""
        first, *others = self.outputs(image)
        for logits in others:  # one after the other: with many classes, the outputs are large
            first = first + logits
        return first / (1 + len(others))

    def outputs(self, image: Tensor) -> list[Tensor]:
        """Return the logits of the four nested networks."""
        return cast(list[Tensor], self.nested(image))
