"""The network of a bundle, rebuilt in PyTorch."""

import warnings
from pathlib import Path

import torch
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.bundle_writing import example_window, load_network_weights
from amcnet.errors import ModelError
from amcnet.networks.registry import build_network, network_names
from amcnet.networks.segmentation_network import SegmentationNetwork


def rebuild_network(bundle: Bundle) -> SegmentationNetwork:
    """Return the network with its weights in float32, ready to run on the CPU."""
    name = bundle.description.architecture.name
    if name not in network_names():
        raise ModelError(
            f"{bundle.folder}: its network '{name}' is not registered, expected one of the "
            "registry; OpenVINO can run this model"
        )
    network = build_network(bundle.description.architecture)
    network.load_state_dict(load_network_weights(bundle))
    network.float().eval()
    return network


def write_torchscript(bundle: Bundle, path: Path) -> None:
    """Write the network as TorchScript, which PyTorch runs without this package."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)  # see write_bundle
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            rebuild_network(bundle), example_window(bundle.description), check_trace=False
        )
    traced.save(str(path))
