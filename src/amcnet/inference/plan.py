"""What labelling a volume takes of memory, and a smaller way where that is too much.

The figures are upper bounds that were fitted to measurements (``benchmarks/memory.py``).
"""

import logging
from dataclasses import dataclass, replace
from math import prod

from amcnet.errors import NotEnoughMemoryError
from amcnet.inference.windows import Windows
from amcnet.memory import GIB
from amcnet.networks import Architecture

_FLOAT_BYTES = 4
_RUNTIME_BYTES = 0.15 * GIB  # what OpenVINO takes beside weights and features
_FEATURE_BYTES = 36  # a window's voxel needs this times the width while the network runs
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workload:
    """What there is to do.

    Attributes:
        network_shape: Shape of the volume on the network's grid, (scan, lateral, depth).
        shape: Shape of the labels.
        architecture: The network.
        weight_bytes: Weights of each network as float32; an ensemble has several.
    """

    network_shape: tuple[int, ...]
    shape: tuple[int, ...]
    architecture: Architecture
    weight_bytes: tuple[int, ...]

    def need_bytes(self, windows: Windows) -> float:
        """Return what this takes at most, beyond what is in memory already."""
        width, classes = self.architecture.width, self.architecture.num_classes
        voxels = windows.slices * prod(self.network_shape[1:])
        blocks = voxels / self.architecture.block_voxels
        inside = sum(self.weight_bytes) + len(self.weight_bytes) * _FEATURE_BYTES * width * blocks
        if self.architecture.block_voxels > 1:  # blocks are taken apart in a copy
            inside += _FLOAT_BYTES * classes * voxels
        # The window in use, the slices that the next one covers too, and perhaps the one to come.
        held = _FLOAT_BYTES * classes * voxels * (3 if windows.ahead else 2)
        return _RUNTIME_BYTES + inside + held + prod(self.shape)


def make_plan(work: Workload, windows: Windows, limit_bytes: float) -> Windows:
    """Return the fastest way to go about it that fits.

    Args:
        work: What there is to do.
        windows: The windows as the network was trained with. Fewer slices change its results a
            little (instance norm sees the whole window), so they come last.
        limit_bytes: What may be used.

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
