"""What is known of each network beside its code, free of PyTorch."""

from dataclasses import dataclass
from typing import Literal

NetworkName = Literal["amcnet", "unet", "unetplusplus", "swinunet", "unet3d", "vnet", "mnet"]

_OWN = "written for this package from the paper, Apache-2.0"
_MONAI = "MONAI, Apache-2.0"


@dataclass(frozen=True)
class NetworkFacts:
    """Facts of a network.

    Attributes:
        title: Its name in tables.
        source: The paper.
        code: Where the code comes from, and its licence.
        dimension: ``2d`` sees transverse slices one by one, ``3d`` all of a window at once, and
            ``2d+3d`` mixes both.
        width: Its authors' width: channels of the first stage.
        multiple: The input is padded to a multiple of this, (scan, lateral, depth).
        width_step: The width must be a multiple of this.
    """

    title: str
    source: str
    code: str
    dimension: Literal["2d", "3d", "2d+3d"]
    width: int
    multiple: tuple[int, int, int] = (1, 1, 1)
    width_step: int = 1


CATALOGUE: dict[NetworkName, NetworkFacts] = {
    "unet": NetworkFacts(
        "UNet", "Ronneberger et al., MICCAI 2015", _OWN, "2d", width=64, multiple=(1, 16, 16)
    ),
    # A norm needs two voxels: those that its last stage sees of the least input.
    "unetplusplus": NetworkFacts(
        "UNet++", "Zhou et al., IEEE TMI 2020", _MONAI, "2d", width=32, multiple=(1, 16, 32)
    ),
    "swinunet": NetworkFacts(
        "SwinUNet",
        "Cao et al., ECCV Workshops 2022",
        _OWN,
        "2d",
        width=96,
        multiple=(1, 32, 32),
        width_step=3,  # attention heads of the first stage
    ),
    "unet3d": NetworkFacts(
        "3D UNet", "Çiçek et al., MICCAI 2016", _OWN, "3d", width=32, multiple=(8, 8, 8)
    ),
    "vnet": NetworkFacts(
        "VNet", "Milletari et al., 3DV 2016", _MONAI, "3d", width=16, multiple=(16, 16, 32)
    ),
    "mnet": NetworkFacts(
        "MNet",
        "Dong et al., IJCAI 2022",
        _OWN,
        "2d+3d",
        width=32,
        multiple=(1, 16, 16),
        width_step=2,  # the second stage has one and a half times as many
    ),
    "amcnet": NetworkFacts("AMCNet", "Zeng et al., MICCAI 2023", _OWN, "2d+3d", width=64),
}
