"""Training on one voxel of each space-to-depth group per step.

Logits of all classes at all voxels would cost too much.
"""

import numpy as np
from torch import Tensor
from torch.nn import functional

from amcnet.anatomy import IGNORE
from amcnet.networks.architecture import AxisSizes


def voxel_of_turn(labels: Tensor, factor: AxisSizes, turn: int) -> tuple[AxisSizes, Tensor]:
    """Choose one voxel of each group, in turn, and return its labels.

    Args:
        labels: uint8 (batch, scan, lateral, depth), of all voxels.
        factor: The space-to-depth factor, (scan, lateral, depth).
        turn: Number of the turn; each voxel is chosen once in as many turns as a group has voxels.

    Returns:
        The position of the voxel in its group (scan, lateral, depth), and labels (batch, scan,
        lateral, depth) on the grid of the groups, ``IGNORE`` beyond the window.

    Example:
        >>> import torch
        >>> labels = torch.arange(8).view(1, 4, 2, 1).to(torch.uint8)
        >>> voxel_of_turn(labels, (2, 2, 1), turn=3)[1].flatten().tolist()
        [3, 7]
    """
    a, b, c = (int(place) for place in np.unravel_index(turn % int(np.prod(factor)), factor))
    whole = pad_labels(labels, factor)
    return (a, b, c), whole[:, a :: factor[0], b :: factor[1], c :: factor[2]]


def pad_labels(labels: Tensor, factor: AxisSizes) -> Tensor:
    """Return labels (batch, scan, lateral, depth) of whole groups: ``IGNORE`` beyond the window."""
    sizes = zip(labels.shape[1:], factor, strict=True)
    scan, lateral, depth = (-size % step for size, step in sizes)
    return functional.pad(labels, (0, depth, 0, lateral, 0, scan), value=IGNORE)
