"""Select the engine and the device that run a model."""

import ctypes
import re
import sys
from collections.abc import Sequence
from typing import get_args

from amcnet.bundle import Bundle
from amcnet.errors import ModelError
from amcnet.extras import has_extra, require_extra
from amcnet.inference.engine import BackendName, Engine
from amcnet.inference.openvino_engine import OpenVINOEngine

_DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d+)?")


def make_engine(name: BackendName, bundles: Sequence[Bundle], device: str = "auto") -> Engine:
    """Return the engine for a model, or for the members of an ensemble.

    Args:
        name: ``openvino``, ``torch``, or ``auto``: PyTorch if it is installed and an NVIDIA GPU is
            present or a device other than the CPU is requested, else OpenVINO.
        bundles: The models.
        device: ``auto`` (the first GPU that CUDA can use, else the CPU), ``cpu``, ``cuda``,
            ``cuda:N``, ``mps`` or ``xpu``. OpenVINO runs on the CPU only.

    Raises:
        MissingExtraError: If PyTorch is needed and not installed.
        ModelError: If a name is unknown, the device cannot be used, or a model cannot be loaded.
    """
    if name not in get_args(BackendName):
        known = ", ".join(get_args(BackendName))
        raise ModelError(f"backend: found '{name}', expected one of {known}")
    if not _DEVICE.fullmatch(device):
        raise ModelError(f"device: found '{device}', expected auto, cpu, cuda, cuda:N, mps or xpu")
    wants_gpu = device not in ("auto", "cpu")
    if name == "openvino" and wants_gpu:
        raise ModelError(f"device: found '{device}', expected 'cpu' with the backend 'openvino'")
    if name == "torch" or wants_gpu or (device == "auto" and name == "auto" and has_gpu()):
        require_extra("train", f"the device '{device}'" if wants_gpu else "the backend 'torch'")
        from amcnet.inference.torch_engine import TorchEngine

        return TorchEngine(bundles, None if device == "auto" else device)
    return OpenVINOEngine(bundles)


def has_gpu() -> bool:
    """Return whether PyTorch is installed and can use an NVIDIA GPU."""
    try:
        # Look for the driver first: importing PyTorch takes seconds.
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    if not has_extra("train"):
        return False
    import torch

    return torch.cuda.is_available()
