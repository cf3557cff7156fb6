"""Deep supervision: the coarser stages of the decoder learn to name what they see, too.

Which bone is which is decided far from the output, where the network sees the whole hand; a loss of
its own teaches it there directly. The heads are used in training only.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from amcnet.networks import Architecture
from amcnet.training.deep_supervision import nearest

_FINEST = 0.5  # weight of the stage below the last; each coarser one counts half as much


class CoarseStages(nn.Module):
    """A head and a loss for each stage of the decoder but the last.

    Args:
        architecture: The network.
        loss: Takes logits and labels.
    """

    def __init__(self, architecture: Architecture, loss: nn.Module) -> None:
        super().__init__()
        stages = len(architecture.pools)
        channels = [architecture.width * 2**stage for stage in reversed(range(1, stages))]
        self.heads = nn.ModuleList(
            nn.Conv3d(size, architecture.num_classes, 1) for size in channels
        )
        self.loss = loss

    def forward(self, features: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Return the weighted sum of the losses.

        Args:
            features: Of all stages but the last, the coarsest first.
            labels: uint8 (batch, scan, lateral, depth), on a grid as fine as the last stage's.
        """
        total = torch.zeros((), device=labels.device)
        for level, (head, stage) in enumerate(zip(self.heads, features, strict=True)):
            weight = _FINEST / 2 ** (len(self.heads) - 1 - level)
            total = total + weight * self.loss(head(stage), nearest(labels, stage.shape[2:]))
        return total
