"""What runs the network: OpenVINO (the default on a CPU, no PyTorch needed) or PyTorch."""

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.description import IR_FILE
from amcnet.errors import ModelError
from amcnet.extras import require_extra
from amcnet.inference.openvino_runtime import openvino

BackendName = Literal["openvino", "torch"]

Window = NDArray[np.float32]


class Backend(Protocol):
    """Turns a window into logits."""

    def logits(self, window: Window) -> Window:
        """Return (class, scan, lateral, depth) for a window (channel, scan, lateral, depth)."""
        ...


def make_backend(name: BackendName, bundle: Bundle) -> Backend:
    """Return the backend of a name for a bundle.

    Raises:
        MissingExtraError: If ``torch`` is asked for and not installed.
        ModelError: If the name is unknown or the model cannot be loaded.
    """
    if name == "openvino":
        return OpenVINOBackend(bundle.path(IR_FILE))
    if name == "torch":
        require_extra("train", "the backend 'torch'")
        from amcnet.inference.torch_backend import TorchBackend

        return TorchBackend(bundle)
    raise ModelError(f"backend: found '{name}', expected openvino or torch")


class OpenVINOBackend:
    """Runs a bundle's OpenVINO IR on the CPU, in bfloat16 where the processor has it."""

    def __init__(self, model: Path) -> None:
        ov = openvino()
        self._core = ov.Core()
        try:
            self._model = self._core.read_model(model)
        except RuntimeError as error:
            raise ModelError(f"{model}: OpenVINO cannot read it, expected a model") from error
        self._request: Any = None
        self._shape: tuple[int, ...] | None = None

    def logits(self, window: Window) -> Window:
        """Return the logits of a window; the model is compiled once per window shape."""
        if window.shape != self._shape:
            try:
                self._model.reshape([1, *window.shape])
            except RuntimeError as error:
                raise ModelError(f"the model does not take windows of {window.shape}") from error
            # One request at a time: all cores work on it.
            hints = {"PERFORMANCE_HINT": "LATENCY"}
            self._request = self._core.compile_model(
                self._model, "CPU", hints
            ).create_infer_request()
            self._shape = window.shape
        result = self._request.infer({0: window[None]}, share_inputs=True, share_outputs=False)
        logits: Window = result[0][0].astype(np.float32, copy=False)
        return logits
