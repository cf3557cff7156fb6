"""Networks: AMCNet, its peers, and the registry that builds a network from its description.

All take float images (batch, channel, scan, lateral, depth) of any size and return logits
(batch, class, scan, lateral, depth). ``docs/networks.md`` lists them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.extras import require_extra
from amcnet.networks.architecture import Architecture, NetworkNeeds

if TYPE_CHECKING:
    from amcnet.networks.acm import ACM
    from amcnet.networks.catalogue.amcnet import AMCNet
    from amcnet.networks.registry import build_network, needs_of, network_names, register_network
    from amcnet.networks.segmentation_network import SegmentationNetwork

__all__ = [
    "ACM",
    "AMCNet",
    "Architecture",
    "NetworkNeeds",
    "SegmentationNetwork",
    "build_network",
    "needs_of",
    "network_names",
    "register_network",
]

_TORCH_NAMES = {
    "ACM": "amcnet.networks.acm",
    "AMCNet": "amcnet.networks.catalogue.amcnet",
    "SegmentationNetwork": "amcnet.networks.segmentation_network",
    "build_network": "amcnet.networks.registry",
    "needs_of": "amcnet.networks.registry",
    "network_names": "amcnet.networks.registry",
    "register_network": "amcnet.networks.registry",
}


def __getattr__(name: str) -> object:
    """Import the parts that need PyTorch on first use, so the core works without it."""
    if name not in _TORCH_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra("train", f"amcnet.networks.{name}")
    return getattr(import_module(_TORCH_NAMES[name]), name)
