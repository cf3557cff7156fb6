"""Networks by name, and those of the paper's tables."""

from collections.abc import Callable

from torch import nn

from amcnet.networks.amcnet import AMCNet
from amcnet.networks.any_size import AnySize, Core
from amcnet.networks.architecture import Architecture
from amcnet.networks.mnet import MNet
from amcnet.networks.network_facts import CATALOGUE, NetworkName
from amcnet.networks.swinunet import SwinUNet
from amcnet.networks.unet import unet, unet3d

# Rows of the paper's tables, at their authors' sizes.
PAPER_NETWORKS: dict[str, Architecture] = {
    "unet": Architecture(name="unet", width=64),
    "unetplusplus": Architecture(name="unetplusplus", width=32),
    "swinunet": Architecture(name="swinunet", width=96),
    "unet3d": Architecture(name="unet3d", width=32),
    "vnet": Architecture(name="vnet", width=16),
    "mnet": Architecture(name="mnet", width=32),
    "amcnet-2d": Architecture(branches="2d"),
    "amcnet-3d": Architecture(branches="3d"),
    "amcnet": Architecture(),
}


def _unetplusplus(in_channels: int, num_classes: int, width: int) -> Core:
    from amcnet.networks.unetplusplus import UNetPlusPlus  # MONAI takes seconds to import

    return UNetPlusPlus(in_channels, num_classes, width)


def _vnet(in_channels: int, num_classes: int, width: int) -> Core:
    from amcnet.networks.vnet import VNet

    return VNet(in_channels, num_classes, width)


_BUILDERS: dict[NetworkName, Callable[[int, int, int], Core]] = {
    "unet": unet,
    "unetplusplus": _unetplusplus,
    "swinunet": SwinUNet,
    "unet3d": unet3d,
    "vnet": _vnet,
    "mnet": MNet,
}


def build_network(architecture: Architecture) -> nn.Module:
    """Build the network that an architecture describes, with fresh weights.

    It maps float images (batch, channel, scan, lateral, depth) of any size to logits (batch,
    class, scan, lateral, depth).
    """
    if architecture.name == "amcnet":
        return AMCNet(**architecture.model_dump(exclude={"name"}))
    facts, build = CATALOGUE[architecture.name], _BUILDERS[architecture.name]
    core = build(architecture.in_channels, architecture.num_classes, architecture.width)
    return AnySize(core, facts.multiple, by_slice=facts.dimension == "2d")
