"""The PyTorch backend: a GPU where there is one, else the CPU."""

import numpy as np
import torch
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.export import load_network_weights
from amcnet.networks.registry import build_network


class TorchBackend:
    """Runs a bundle's network with the weights from its safetensors file."""

    def __init__(self, bundle: Bundle) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = build_network(bundle.description.architecture)
        network.load_state_dict(load_network_weights(bundle))
        self._network = network.to(self._device).eval()

    def logits(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits of a window, see :class:`amcnet.inference.backends.Backend`."""
        image = torch.from_numpy(window)[None].to(self._device)
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._network(image)[0].float().cpu().numpy()
        return logits
