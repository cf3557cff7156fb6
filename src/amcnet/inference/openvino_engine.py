"""OpenVINO for the network, NumPy for the rest; no PyTorch."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.description import IR_FILE
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.engine import LogitsCallback
from amcnet.inference.ensemble import averaged
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_backend import OpenVINOBackend
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import LogitsOf, Window, stream_logits


class OpenVINOEngine:
    """OpenVINO for the network, NumPy for the rest; no PyTorch.

    Args:
        bundles: The model, or the members of an ensemble.
    """

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        self._members = [OpenVINOBackend(bundle.path(IR_FILE)) for bundle in bundles]
        self._classes = bundles[0].description.architecture.num_classes
        self.network_seconds = 0.0

    def label_slices(
        self,
        image: Window,
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        keep: LogitsCallback | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice, see :meth:`Engine.label_slices`."""
        # Means are copies, so that the network may write over its last result.
        ahead = windows.ahead and not windows.averages and len(self._members) == 1
        logits_of = averaged([partial(member.logits, ahead=ahead) for member in self._members])
        logits = stream_logits(image, windows, self._classes, self._timed(logits_of))
        if keep is not None:
            logits = _kept(logits, keep)
        return label_slices(logits, image.shape[1], shape, meter)

    def _timed(self, logits_of: LogitsOf) -> LogitsOf:
        def timed(window: Window) -> Window:
            start = time.perf_counter()
            logits = logits_of(window)
            self.network_seconds += time.perf_counter() - start
            return logits

        return timed


def _kept(logits: Iterator[Window], keep: LogitsCallback) -> Iterator[Window]:
    for plane in logits:
        keep(plane)
        yield plane
