"""Networks by name."""

from collections.abc import Callable

from torch import nn

from amcnet.networks.amcnet import AMCNet
from amcnet.networks.architecture import Architecture

_BUILDERS: dict[str, Callable[..., nn.Module]] = {"amcnet": AMCNet}


def build_network(architecture: Architecture) -> nn.Module:
    """Build the network that an architecture describes, with fresh weights."""
    sizes = architecture.model_dump(exclude={"name"})
    return _BUILDERS[architecture.name](**sizes)
