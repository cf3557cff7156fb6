"""The default engine: OpenVINO runs the network and NumPy does the rest, without PyTorch."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from amcnet.bundle import Bundle
from amcnet.bundle.description import IR_FILE
from amcnet.errors import ModelError
from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.engine import LogitsCallback
from amcnet.inference.ensemble import averaged
from amcnet.inference.labelling import label_slices
from amcnet.inference.openvino_network import OpenVINONetwork
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import LogitsOf, Window, network_runs, stream_logits
from amcnet.parallel import Progress, no_progress


class OpenVINOEngine:
    """Engine that runs the network in OpenVINO on the CPU; needs no PyTorch.

    Args:
        bundles: The model, or the members of an ensemble.
    """

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        self._members = [_Member(bundle) for bundle in bundles]
        self._classes = bundles[0].description.architecture.num_classes
        self.network_seconds = 0.0

    def label_slices(
        self,
        image: Window,
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        logits_callback: LogitsCallback | None = None,
        network_progress: Progress = no_progress,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice, see :meth:`Engine.label_slices`."""
        # A mean is a copy, so the network may overwrite its last result.
        ahead = windows.ahead and not windows.averages and len(self._members) == 1
        logits_of = averaged([partial(member.logits, ahead=ahead) for member in self._members])
        logits_of = _counted(
            self._timed(logits_of), network_runs(image.shape[1], windows), network_progress
        )
        logits = stream_logits(image, windows, self._classes, logits_of)
        if logits_callback is not None:
            logits = _passed_on(logits, logits_callback)
        return label_slices(logits, image.shape[1], shape, meter)

    def _timed(self, logits_of: LogitsOf) -> LogitsOf:
        def timed(window: Window) -> Window:
            start = time.perf_counter()
            logits = logits_of(window)
            self.network_seconds += time.perf_counter() - start
            return logits

        return timed


class _Member:
    """The network of a bundle, whose outputs are checked against the description."""

    def __init__(self, bundle: Bundle) -> None:
        self._path = bundle.path(IR_FILE)
        self._network = OpenVINONetwork(self._path)
        self._classes = bundle.description.architecture.num_classes

    def logits(self, window: Window, ahead: bool = False) -> Window:
        """Return logits, see :meth:`OpenVINONetwork.logits`.

        Raises:
            ModelError: If they do not have a value for every class and voxel.
        """
        logits = self._network.logits(window, ahead)
        expected = (self._classes, *window.shape[1:])
        if logits.shape != expected or logits.dtype != np.float32:
            raise ModelError(
                f"{self._path}: gives {logits.dtype} of shape {logits.shape}, expected float32 of "
                f"shape {expected}"
            )
        return logits


def _passed_on(logits: Iterator[Window], callback: LogitsCallback) -> Iterator[Window]:
    for plane in logits:
        callback(plane)
        yield plane


def _counted(logits_of: LogitsOf, total: int, progress: Progress) -> LogitsOf:
    """Wrap a network to report its progress; windows without contrast never reach it."""
    numbers = count(1)

    def counted(window: Window) -> Window:
        logits = logits_of(window)
        progress(min(next(numbers), total), total)
        return logits

    progress(0, total)
    return counted
