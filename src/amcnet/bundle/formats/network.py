"""The network of a bundle, rebuilt in PyTorch."""

import io
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from amcnet.bundle.bundle import Bundle
from amcnet.bundle.bundle_writing import example_window, load_network_weights
from amcnet.bundle.description import DESCRIPTION_FILE, WEIGHTS_FILE
from amcnet.errors import ModelError
from amcnet.io.verified_files import write_verified
from amcnet.networks.registry import build_network, network_names
from amcnet.networks.segmentation_network import SegmentationNetwork

_LEAST_BYTES = 2  # of a weight: float16


def rebuild_network(bundle: Bundle) -> SegmentationNetwork:
    """Return the network with its weights in float32, ready to run on the CPU.

    Raises:
        ModelError: If PyTorch does not know the network, or the weights are not those of it.
    """
    name = bundle.description.architecture.name
    if name not in network_names():
        raise ModelError(
            f"{bundle.folder}: its network '{name}' is not registered, expected one of the "
            "registry; OpenVINO can run this model"
        )
    _check_size(bundle)
    network = build_network(bundle.description.architecture)
    try:
        network.load_state_dict(load_network_weights(bundle))
    except (RuntimeError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [""])[-1].strip()
        raise ModelError(
            f"{bundle.path(WEIGHTS_FILE)}: does not hold the weights of the network that "
            f"{bundle.folder / DESCRIPTION_FILE} describes ({reason})"
        ) from error
    network.float().eval()
    return network


def _check_size(bundle: Bundle) -> None:
    """Check that a network is no larger than its weights, before memory is taken for it."""
    with torch.device("meta"):
        network = build_network(bundle.description.architecture)
    values = sum(weight.numel() for weight in network.parameters())
    stored = bundle.path(WEIGHTS_FILE).stat().st_size
    if _LEAST_BYTES * values > stored:
        raise ModelError(
            f"{bundle.folder / DESCRIPTION_FILE}: describes a network of {values} weights, "
            f"expected no more than the {stored} bytes of {WEIGHTS_FILE} can hold"
        )


def write_torchscript(bundle: Bundle, path: Path) -> None:
    """Write the network as TorchScript, which PyTorch runs without this package."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)  # see write_bundle
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            rebuild_network(bundle), example_window(bundle.description), check_trace=False
        )
    # In memory first: PyTorch's own writer ends the process where the disk is full.
    content = io.BytesIO()
    torch.jit.save(traced, content)
    write_verified(path, content.getvalue())
