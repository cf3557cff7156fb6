"""Memory needed to label a volume, and the choice of windows that fit.

The figures are upper bounds fitted to measurements (``benchmarks/memory.py``,
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
_RUNTIME_BYTES = 0.15 * GIB  # memory of OpenVINO in addition to weights and features
_LOADING_COPIES = 1.5  # additional copies of a network's weights while OpenVINO loads it
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workload:
    """A volume and the network that labels it.

    Attributes:
        network_shape: Shape of the volume on the network's grid, (scan, lateral, depth).
        shape: Shape of the labels.
        needs: Memory that the network needs per voxel of its input.
        num_classes: Classes of its output.
        weight_bytes: Weights of each network as float32; an ensemble has several.
    """

    network_shape: tuple[int, ...]
    shape: tuple[int, ...]
    needs: NetworkNeeds
    num_classes: int
    weight_bytes: tuple[int, ...]

    def need_bytes(self, windows: Windows) -> float:
        """Return an upper bound on the additional memory in bytes."""
        shape = self._window_shape(windows)
        inside = len(self.weight_bytes) * self.needs.bytes_per_voxel * self._padded_voxels(shape)
        logits = _FLOAT_BYTES * self.num_classes * prod(shape)
        held = self._windows_held(windows) * logits
        busiest = max(inside + held, _LOADING_COPIES * max(self.weight_bytes))
        return _RUNTIME_BYTES + sum(self.weight_bytes) + busiest + prod(self.shape)

    def _windows_held(self, windows: Windows) -> int:
        """Return how many windows of logits exist at the same time."""
        mean = 1 if windows.averages or len(self.weight_bytes) > 1 else 0
        if self.network_shape[0] <= windows.slices:
            return mean + 1
        # The overlap with the next window, the window being computed, and the window in use: for a
        # mean, this holds even if nothing is computed ahead.
        return mean + (3 if windows.ahead or mean else 2)

    def _window_shape(self, windows: Windows) -> tuple[int, ...]:
        """Return the largest input of the network."""
        window = (windows.slices, *self.network_shape[1:])
        return tuple(size + far for size, far in zip(window, windows.furthest, strict=True))

    def _padded_voxels(self, shape: tuple[int, ...]) -> int:
        """Return the number of voxels that the network processes for an input."""
        steps = self.needs.divisor
        return prod(size + -size % step for size, step in zip(shape, steps, strict=True))


def fit_to_memory(work: Workload, windows: Windows, limit_bytes: float) -> Windows:
    """Return the fastest windows that fit into memory.

    Args:
        work: The volume and the network.
        windows: The windows that the network was trained with. Fewer slices change the result
            slightly (instance norm depends on the whole window), so this is tried last.
        limit_bytes: Available memory.

    Returns:
        The windows with ``ahead`` set and possibly fewer slices.

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
