"""Training on one voxel of each block at a time: all classes of all voxels would cost too much."""

import numpy as np
from torch import Tensor
from torch.nn import functional

from amcnet.anatomy import IGNORE
from amcnet.networks.amcnet import AMCNet


def one_turn(network: AMCNet, features: Tensor, labels: Tensor, turn: int) -> tuple[Tensor, Tensor]:
    """Return the logits and labels of one voxel of each block.

    Args:
        network: The network.
        features: Those of its last stage, see :meth:`AMCNet.decoded`.
        labels: uint8 (batch, scan, lateral, depth), of all voxels.
        turn: Which voxel; after as many turns as a block has voxels each had its turn.

    Returns:
        Logits (batch, class, scan, lateral, depth) and labels (batch, scan, lateral, depth), on
        the grid of the blocks. Where a window ends within a block, the rest is to be ignored.
    """
    block = network.block
    a, b, c = (int(place) for place in np.unravel_index(turn % int(np.prod(block)), block))
    sizes = zip(labels.shape[1:], block, strict=True)
    scan, lateral, depth = (-size % step for size, step in sizes)
    whole = functional.pad(labels, (0, depth, 0, lateral, 0, scan), value=IGNORE)
    logits = network.one_of_each_block(features, (a, b, c))
    return logits, whole[:, a :: block[0], b :: block[1], c :: block[2]]
