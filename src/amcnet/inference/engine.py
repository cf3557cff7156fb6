"""The contract of all engines, which turn a volume on the network's grid into labels."""

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import Window
from amcnet.parallel import Progress, no_progress

BackendName = Literal["auto", "openvino", "torch"]
LogitsCallback = Callable[[Window], None]
"""Called with the final logits, float32 (class, lateral, depth), of one slice after the other."""


class Engine(Protocol):
    """Runs the network on a volume and labels its slices; see :func:`make_engine`."""

    network_seconds: float
    """Seconds spent in the network so far."""

    def label_slices(
        self,
        image: Window,
        shape: tuple[int, int, int],
        windows: Windows,
        meter: ConfidenceMeter,
        logits_callback: LogitsCallback | None = None,
        network_progress: Progress = no_progress,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the labels of every slice.

        Args:
            image: float32 (channel, scan, lateral, depth) on the network's grid; its border is
                repeated if it is smaller than a window.
            shape: Shape of the labels, (scan, lateral, depth).
            windows: Size and overlap of the windows.
            meter: Accumulates the confidence of each structure; complete after the last slice.
            logits_callback: Called with the logits of every slice of the network's grid, in order.
            network_progress: Called with (windows done, number of windows), possibly from another
                thread.

        Yields:
            uint8 (lateral, depth), ``shape[0]`` times.
        """
        ...
