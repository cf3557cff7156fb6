"""Networks: AMCNet and the registry that builds a network from its description."""

from importlib import import_module
from typing import TYPE_CHECKING

from amcnet.extras import require_extra
from amcnet.networks.architecture import Architecture

if TYPE_CHECKING:
    from amcnet.networks.acm import ACM
    from amcnet.networks.amcnet import AMCNet
    from amcnet.networks.registry import build_network

__all__ = ["ACM", "AMCNet", "Architecture", "build_network"]

_TORCH_NAMES = {
    "ACM": "amcnet.networks.acm",
    "AMCNet": "amcnet.networks.amcnet",
    "build_network": "amcnet.networks.registry",
}


def __getattr__(name: str) -> object:
    """Import what needs PyTorch on first use, so that the core works without it."""
    if name not in _TORCH_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra("train", f"amcnet.networks.{name}")
    return getattr(import_module(_TORCH_NAMES[name]), name)
