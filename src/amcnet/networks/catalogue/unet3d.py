"""3D U-Net (Çiçek et al., MICCAI 2016)."""

from amcnet.networks.catalogue.unet import UNet
from amcnet.networks.registry import NetworkSpec, register_network


@register_network(
    NetworkSpec(
        name="unet3d",
        title="3D UNet",
        source="Çiçek et al., MICCAI 2016",
        code="written for this package from the paper, Apache-2.0",
        sees="3d",
        width=32,
        bytes_per_width=56,
        bytes_per_class=0,
        divisor=(8, 8, 8),
    )
)
class UNet3D(UNet):
    """The 3D U-Net; the authors' width is 32."""

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        stages = [(width * 2**stage, width * 2 ** (stage + 1)) for stage in range(4)]
        super().__init__(in_channels, num_classes, stages, dimensions=3, halves=False)
