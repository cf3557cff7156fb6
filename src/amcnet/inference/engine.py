"""What turns a volume on the network's grid into labels at its own resolution."""

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from amcnet.inference.confidence import ConfidenceMeter
from amcnet.inference.sliding_windows import Windows
from amcnet.inference.stream import Window

BackendName = Literal["auto", "openvino", "torch"]
LogitsCallback = Callable[[Window], None]


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
        keep: LogitsCallback | None = None,
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
