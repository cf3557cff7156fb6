"""Deep supervision of a decoder's coarser stages.

The coarse stages, which see the whole hand, decide which bone is which. A loss at each of them
trains these stages directly. The heads are used in training only.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_FINEST = 0.5  # weight of the stage before the last; each coarser one has half the weight


class StageHeads(nn.Module):
    """A head and a loss for every decoder stage except the last.

    Args:
        channels: Channels of the stages, the coarsest first.
        num_classes: Classes, background included.
        loss: Takes logits (batch, class, scan, lateral, depth) and labels (batch, scan, lateral,
            depth).
    """

    def __init__(self, channels: Sequence[int], num_classes: int, loss: nn.Module) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv3d(size, num_classes, 1) for size in channels)
        self.loss = loss

    def forward(self, features: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Return the weighted sum of the losses, a scalar.

        Args:
            features: (batch, channel, scan, lateral, depth) of each stage, the coarsest first.
            labels: uint8 (batch, scan, lateral, depth), on the grid of the last stage.
        """
        total = torch.zeros((), device=labels.device)
        for level, (head, stage) in enumerate(zip(self.heads, features, strict=True)):
            weight = _FINEST / 2 ** (len(self.heads) - 1 - level)
            total = total + weight * self.loss(head(stage), nearest_labels(labels, stage.shape[2:]))
        return total


def nearest_labels(labels: Tensor, shape: Sequence[int]) -> Tensor:
    """Return labels on a coarser grid, sampled at the centres of its voxels.

    Args:
        labels: (batch, scan, lateral, depth), any dtype.
        shape: Size of the coarser grid, (scan, lateral, depth).

    Example:
        >>> nearest_labels(torch.arange(6).view(1, 6, 1, 1), (2, 1, 1)).flatten().tolist()
        [1, 4]
    """
    for axis, size in enumerate(shape, start=1):
        full = labels.shape[axis]
        if size != full:
            centres = (torch.arange(size, device=labels.device) * 2 + 1) * full // (2 * size)
            labels = labels.index_select(axis, centres)
    return labels
