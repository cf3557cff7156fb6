"""Networks: AMCNet and the registry that builds a network from its description."""

from amcnet.networks.architecture import Architecture

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
    from amcnet.extras import import_extra

    return getattr(import_extra(_TORCH_NAMES[name], "train", f"amcnet.networks.{name}"), name)
