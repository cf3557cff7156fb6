"""How much memory labelling a volume takes, and smaller windows where that is too much.

The figures are upper bounds that were fitted to measurements (``benchmarks/memory.py``,
``benchmarks/networks.py``).
"""

import logging
from dataclasses import dataclass, replace
from math import prod

from amcnet.errors import NotEnoughMemoryError
from amcnet.inference.sliding_windows import Windows
from amcnet.memory import GIB
from amcnet.networks import NetworkNeeds

_FLOAT_BYTES = 4
_RUNTIME_BYTES = 0.15 * GIB  # what OpenVINO takes beside weights and features
_LOADING_COPIES = 1.5  # of a network's weights, beside them, while OpenVINO loads it
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workload:
    """The volume and the network that are worked on.

    Attributes:
        network_shape: Shape of the volume on the network's grid, (scan, lateral, depth).
        shape: Shape of the labels.
        needs: What the network needs for each voxel of its input.
        num_classes: Classes of its output.
        weight_bytes: Weights of each network as float32; an ensemble has several.
    """

    network_shape: tuple[int, ...]
    shape: tuple[int, ...]
    needs: NetworkNeeds
    num_classes: int
    weight_bytes: tuple[int, ...]

    def need_bytes(self, windows: Windows) -> float:
        """Return the most memory that this takes, beyond what is in use already."""
        shape = self._window_shape(windows)
        inside = len(self.weight_bytes) * self.needs.bytes_per_voxel * self._padded_voxels(shape)
        logits = _FLOAT_BYTES * self.num_classes * prod(shape)
        held = self._windows_held(windows) * logits
        busiest = max(inside + held, _LOADING_COPIES * max(self.weight_bytes))
        return _RUNTIME_BYTES + sum(self.weight_bytes) + busiest + prod(self.shape)

    def _windows_held(self, windows: Windows) -> int:
        """Return how many windows of logits there are at once."""
        mean = 1 if windows.averages or len(self.weight_bytes) > 1 else 0
        if self.network_shape[0] <= windows.slices:
            return mean + 1
        # The slices that the next window covers too, the one that is computed, and the one in use:
        # of a mean also where nothing is computed ahead.
        return mean + (3 if windows.ahead or mean else 2)

    def _window_shape(self, windows: Windows) -> tuple[int, ...]:
        """Return the largest input of the network."""
        window = (windows.slices, *self.network_shape[1:])
        return tuple(size + far for size, far in zip(window, windows.furthest, strict=True))

    def _padded_voxels(self, shape: tuple[int, ...]) -> int:
        """Return the voxels of an input that the network works on."""
        steps = self.needs.divisor
        return prod(size + -size % step for size, step in zip(shape, steps, strict=True))


def fit_to_memory(work: Workload, windows: Windows, limit_bytes: float) -> Windows:
    """Return the fastest windows that fit into memory.

    Args:
        work: The volume and the network.
        windows: The windows as the network was trained with. Fewer slices change its results a
            little (instance norm sees the whole window), so they come last.
        limit_bytes: Memory that may be used.

    Returns:
        The windows with ``ahead`` set and perhaps fewer slices.

    Raises:
        NotEnoughMemoryError: If nothing fits.
    """
    plan = replace(windows, ahead=True)
    while (need := work.need_bytes(plan)) > limit_bytes:
        if plan.ahead:
            plan = replace(plan, ahead=False)
        elif plan.slices > plan.least_shape[0]:
            plan = replace(plan, slices=max(plan.least_shape[0], plan.slices // 2))
        else:
            size = " x ".join(str(n) for n in work.shape)
            raise NotEnoughMemoryError(
                f"a volume of {size} voxels needs {need / GIB:.2f} GiB of memory with this "
                f"model, found {max(0.0, limit_bytes) / GIB:.2f} GiB that may be used"
            )
    if plan.slices < windows.slices:
        _log.warning(
            "memory is short: windows of %d slices instead of the %d that the model was trained "
            "with; the labels differ a little from those on a larger machine",
            plan.slices,
            windows.slices,
        )
    return plan
