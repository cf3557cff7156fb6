"""A network that runs in OpenVINO on the CPU."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from amcnet.errors import ModelError, NotEnoughMemoryError
from amcnet.inference.stream import Window
from amcnet.runtime.compiled_models import compile_model
from amcnet.runtime.openvino import openvino

_PROCESSOR_FILE = Path("/proc/cpuinfo")
_LIMIT = "ONEDNN_MAX_CPU_ISA"


class OpenVINONetwork:
    """Runs the OpenVINO IR of a bundle on the CPU, in bfloat16 if that is faster.

    Compiled models are cached in the user's cache folder, so only the first run compiles.

    Args:
        model: The ``.xml`` file.

    Raises:
        ModelError: If OpenVINO cannot read it, or it has several inputs or outputs.
    """

    def __init__(self, model: Path) -> None:
        ov = openvino()
        self._core = ov.Core()
        self._source = model
        try:
            self._model = self._core.read_model(model)
        except RuntimeError as error:
            raise ModelError(f"{model}: OpenVINO cannot read it, expected a model") from error
        sizes = len(self._model.inputs), len(self._model.outputs)
        if sizes != (1, 1):
            raise ModelError(
                f"{model}: has {sizes[0]} inputs and {sizes[1]} outputs, expected one of each"
            )
        self._compiled: dict[str, tuple[tuple[int, ...], Any]] = {}
        self._requests: list[Any] = []
        self._shape: tuple[int, ...] | None = None

    def logits(self, window: Window, ahead: bool = False) -> Window:
        """Return logits; the model is compiled once per window shape.

        Args:
            window: (channel, scan, lateral, depth).
            ahead: Whether the previous result is still in use.

        Returns:
            (class, scan, lateral, depth), valid until the next call, or until the call after that
            if the next call is ``ahead``.

        Raises:
            ModelError: If the model does not take windows of this shape, or cannot be run.
            NotEnoughMemoryError: If there is not enough memory.
        """
        with _errors_named(window):
            if window.shape != self._shape:
                # One request at a time: all cores work on it.
                compiled = self._compile(window.shape, "LATENCY")
                # Requests share everything except inputs and outputs; an unused request takes no
                # memory.
                self._requests = [compiled.create_infer_request() for _ in range(2)]
                self._shape = window.shape
            if ahead:
                self._requests.reverse()
            request = self._requests[0]
            result = request.infer({0: window[None]}, share_inputs=True, share_outputs=True)
            logits: Window = result[0][0]
            return logits

    def logits_of_many(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Yield the logits of small windows of one shape, in order.

        Several windows are computed at the same time, each on its share of the cores, while the
        next window is made. With small windows this is faster than all cores on each.

        Args:
            windows: (channel, scan, lateral, depth) each.

        Yields:
            (class, scan, lateral, depth), valid until the next one is requested.

        Raises:
            ModelError: If the model does not take windows of this shape.
            NotEnoughMemoryError: If there is not enough memory.
        """
        idle: list[Any] | None = None
        running: deque[tuple[Any, Window]] = deque()
        for window in windows:
            with _errors_named(window):
                if idle is None:
                    compiled = self._compile(window.shape, "THROUGHPUT")
                    count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
                    idle = [compiled.create_infer_request() for _ in range(count)]
            if not idle:
                request = yield from _oldest(running)
                idle.append(request)
            request = idle.pop()
            request.start_async({0: window[None]}, share_inputs=True)
            running.append(
                (request, window)
            )  # the request reads the window from this array without a copy
        while running:
            yield from _oldest(running)

    def _compile(self, shape: tuple[int, ...], hint: str) -> Any:  # noqa: ANN401  OpenVINO's own
        """Return the model for windows of a shape; the last shape of each hint is kept."""
        former = self._compiled.get(hint)
        if former is not None and former[0] == shape:
            return former[1]
        try:
            self._model.reshape([1, *shape])
        except RuntimeError as error:
            raise ModelError(f"the model does not take windows of {shape}") from error
        hints = {"PERFORMANCE_HINT": hint}
        if not _bfloat16_pays():
            hints["INFERENCE_PRECISION_HINT"] = "f32"
        compiled = compile_model(self._core, self._model, self._source, hints)
        self._compiled[hint] = shape, compiled
        return compiled

    def operations(self) -> int:
        """Return the floating-point operations of the convolutions on a window of the last shape.

        An addition and a multiplication count as two; other layers are not counted.
        """
        count = 0
        for node in self._model.get_ops():
            if node.get_type_name() in ("Convolution", "GroupConvolution"):
                # Weights are (out, in, ...), or (groups, out, in, ...): each output value is a sum
                # over all axes but the output channels.
                weights = list(node.input(1).get_shape())
                channels = 1 if node.get_type_name() == "Convolution" else 2
                count += 2 * prod(node.output(0).get_shape()) * prod(weights[channels:])
        return count


@contextmanager
def _errors_named(window: Window) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, IndexError) as error:
        size = " x ".join(map(str, window.shape[1:]))
        if "allocate" in str(error):
            raise NotEnoughMemoryError(
                f"a window of {size} voxels needs more memory than OpenVINO could get"
            ) from error
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"the model cannot run on a window of {size} voxels ({reason})") from error


def _oldest(running: deque[tuple[Any, Window]]) -> Generator[Window, None, Any]:
    """Yield the logits of the request that was started first; return the request."""
    request, window = running.popleft()
    with _errors_named(window):
        request.wait()
    yield request.get_output_tensor(0).data[0]
    return request


def _bfloat16_pays() -> bool:
    """Return whether bfloat16, OpenVINO's default on many processors, may be faster than float32.

    With AMX it is, about twice as fast; with AVX-512 alone it takes 1.3 to 1.6 times as long
    (studies/precision.py). On systems other than Linux, which do not list these features, OpenVINO
    decides. The environment variable ONEDNN_MAX_CPU_ISA limits what OpenVINO may use.
    """
    allowed = os.environ.get(_LIMIT, "ALL").upper()
    if allowed not in ("ALL", "DEFAULT") and "AMX" not in allowed:
        return False
    try:
        return "amx_bf16" in _PROCESSOR_FILE.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return True
