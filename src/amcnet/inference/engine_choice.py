"""Choose the engine that runs a model."""

import ctypes
import sys
from collections.abc import Sequence
from typing import get_args

from amcnet.bundle import Bundle
from amcnet.errors import ModelError
from amcnet.extras import has_extra, require_extra
from amcnet.inference.engine import BackendName, Engine
from amcnet.inference.openvino_engine import OpenVINOEngine


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
