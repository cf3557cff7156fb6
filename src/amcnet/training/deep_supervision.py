"""Training networks that have outputs on several levels (Lee et al., AISTATS 2015)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from amcnet.anatomy import IGNORE
from amcnet.networks.any_size import AnySize
from amcnet.training.window_datasets import Batch


def loss_of_all_outputs(
    network: AnySize, batch: Batch, loss: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Return the weighted sum of the losses of all outputs, each against labels of its size.

    Args:
        network: The network; its ``shares`` are the weights.
        batch: Some windows. Where the network pads them, the padding is ignored.
        loss: Of logits (batch, class, scan, lateral, depth) and labels (batch, scan, lateral,
            depth).
    """
    outputs = network.outputs(batch.image)
    sizes = zip(outputs[0].shape[2:], batch.labels.shape[1:], strict=True)
    scan, lateral, depth = (padded - size for padded, size in sizes)
    labels = functional.pad(batch.labels, (0, depth, 0, lateral, 0, scan), value=IGNORE)
    shares = zip(network.core.shares, outputs, strict=True)
    losses = [share * loss(logits, nearest(labels, logits.shape[2:])) for share, logits in shares]
    return torch.stack(losses).sum()


def nearest(labels: Tensor, shape: Sequence[int]) -> Tensor:
    """Return labels (batch, scan, lateral, depth) on a coarser grid, those at its centres."""
    for axis, size in enumerate(shape, start=1):
        full = labels.shape[axis]
        if size != full:
            centres = (torch.arange(size, device=labels.device) * 2 + 1) * full // (2 * size)
            labels = labels.index_select(axis, centres)
    return labels
