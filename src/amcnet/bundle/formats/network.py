"""The network of a bundle, rebuilt in PyTorch."""

from pathlib import Path

import torch
from torch import nn

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.export import load_network_weights
from amcnet.networks.registry import build_network

_EXAMPLE_PLANE = (32, 32)


def rebuild_network(bundle: Bundle) -> nn.Module:
    """Return the network with its weights in float32, ready to run on the CPU."""
    network = build_network(bundle.description.architecture)
    network.load_state_dict(load_network_weights(bundle))
    return network.float().eval()


def example_window(bundle: Bundle) -> torch.Tensor:
    """Return an input to trace the network with; other sizes of the last three axes work too."""
    description = bundle.description
    return torch.zeros(1, description.architecture.in_channels, description.window, *_EXAMPLE_PLANE)


def write_torchscript(bundle: Bundle, path: Path) -> None:
    """Write the network as TorchScript, which PyTorch runs without this package."""
    with torch.inference_mode():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            rebuild_network(bundle), example_window(bundle), check_trace=False
        )
    traced.save(str(path))
