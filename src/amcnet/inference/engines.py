"""What turns a volume on the network's grid into labels at its own resolution."""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.description import IR_FILE
from amcnet.errors import ModelError
from amcnet.extras import has_extra, require_extra
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.ensemble import averaged
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_backend import OpenVINOBackend
from amcnet.inference.stream import Window, stream_logits
from amcnet.inference.windows import Windows

BackendName = Literal["auto", "openvino", "torch"]
Keep = Callable[[Window], None]


class Engine(Protocol):
    """Turns a volume on the network's grid into labels."""

    network_seconds: float
    """Time that the network itself has taken so far."""

    def label_slices(
        self,
        image: Window,
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        keep: Keep | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice.

        Args:
            image: (channel, scan, lateral, depth) on the network's grid.
            shape: Shape of the labels, (scan, lateral, depth).
            windows: How the windows lie.
            meter: Measures the confidence on the way.
            keep: Called with the logits (class, lateral, depth) of every slice of the network's
                grid, in order.

        Yields:
            uint8 (lateral, depth), ``shape[0]`` times.
        """
        ...


def make_engine(name: BackendName, bundles: Sequence[Bundle]) -> Engine:
    """Return the engine of a name for a model, or for the members of an ensemble.

    Args:
        name: ``openvino``, ``torch``, or ``auto``: PyTorch where it is installed and there is an
            NVIDIA GPU, else OpenVINO.
        bundles: The models.

    Raises:
        MissingExtraError: If ``torch`` is asked for and not installed.
        ModelError: If the name is unknown or a model cannot be loaded.
    """
    if name not in get_args(BackendName):
        known = ", ".join(get_args(BackendName))
        raise ModelError(f"backend: found '{name}', expected one of {known}")
    if name == "torch" or (name == "auto" and has_gpu()):
        require_extra("train", "the backend 'torch'")
        from amcnet.inference.torch_engine import TorchEngine

        return TorchEngine(bundles)
    return OpenVINOEngine(bundles)


def has_gpu() -> bool:
    """Return whether PyTorch is there with a GPU that it can use."""
    try:
        # The driver first: importing PyTorch takes seconds.
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    if not has_extra("train"):
        return False
    import torch

    return torch.cuda.is_available()


class OpenVINOEngine:
    """OpenVINO for the network, NumPy for the rest; no PyTorch.

    Args:
        bundles: The model, or the members of an ensemble.
    """

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        members = [OpenVINOBackend(bundle.path(IR_FILE)) for bundle in bundles]
        self._logits_of = averaged([member.logits for member in members])
        self._classes = bundles[0].description.architecture.num_classes
        self.network_seconds = 0.0

    def label_slices(
        self,
        image: Window,
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        keep: Keep | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice, see :meth:`Engine.label_slices`."""
        logits = stream_logits(image, windows, self._classes, self._timed)
        if keep is not None:
            logits = _kept(logits, keep)
        return label_slices(logits, image.shape[1], shape, meter)

    def _timed(self, window: Window) -> Window:
        start = time.perf_counter()
        logits = self._logits_of(window)
        self.network_seconds += time.perf_counter() - start
        return logits


def _kept(logits: Iterator[Window], keep: Keep) -> Iterator[Window]:
    for plane in logits:
        keep(plane)
        yield plane
