"""The PyTorch backend: a GPU where there is one, else the CPU."""

import numpy as np
import torch
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.formats.network import rebuild_network


class TorchBackend:
    """Runs a bundle's network with the weights from its safetensors file."""

    def __init__(self, bundle: Bundle) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = rebuild_network(bundle).to(self._device)

    def logits(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits of a window, see :class:`amcnet.inference.backends.Backend`."""
        image = torch.from_numpy(window)[None].to(self._device)
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._network(image)[0].float().cpu().numpy()
        return logits
