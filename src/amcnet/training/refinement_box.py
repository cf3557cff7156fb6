"""Training of the detail on one box of a window: all classes of all voxels would cost too much."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from amcnet.anatomy import IGNORE
from amcnet.networks.amcnet import AMCNet
from amcnet.networks.refinement_head import Detail

BOX_VOXELS = (72, 72, 52)  # along (scan, lateral, depth), about

Box = tuple[slice, slice, slice]


def detail_box(
    network: AMCNet, image: Tensor, features: Tensor, labels: Tensor, turn: int
) -> tuple[Tensor, Tensor]:
    """Return the logits and labels of a box around a voxel of a structure.

    Every structure of the batch is as likely to be in the middle, however small.

    Args:
        network: The network; it has a detail.
        image: Windows (batch, channel, scan, lateral, depth).
        features: Those of the network's last stage, see :meth:`AMCNet.decoded`.
        labels: uint8 (batch, scan, lateral, depth), of all voxels.
        turn: Decides, together with the labels, where the box is.

    Returns:
        Logits (batch, class, scan, lateral, depth) and labels (batch, scan, lateral, depth). Where
        the box ends and the window does not, what the detail would see beyond is missing: these
        voxels are to be ignored.
    """
    sizes = list(zip(labels.shape[1:], network.block, features.shape[2:], strict=True))
    scan, lateral, depth = (-size % step for size, step, _ in sizes)
    whole = functional.pad(labels, (0, depth, 0, lateral, 0, scan), value=IGNORE)
    blocks, voxels, inner = [], [], []
    for middle, wanted, (_, step, count) in zip(
        _middle(labels, turn), BOX_VOXELS, sizes, strict=True
    ):
        length = min(max(1, wanted // step), count)
        first = min(max(0, middle // step - length // 2), count - length)
        last = first + length
        blocks.append(slice(first, last))
        voxels.append(slice(first * step, last * step))
        inner.append(slice(Detail.reach if first else 0, -Detail.reach if last < count else None))
    box, known = (slice(None), *voxels), (slice(None), *inner)
    target = torch.full_like(whole[box], IGNORE)
    target[known] = whole[box][known]
    return network.in_box(image, features, (blocks[0], blocks[1], blocks[2])), target


def _middle(labels: Tensor, turn: int) -> list[int]:
    """Return a voxel (scan, lateral, depth) of one of the structures, or any if there is none."""
    generator = Generator().manual_seed(turn)
    present = torch.unique(labels)
    present = present[(present > 0) & (present != IGNORE)]
    places = (labels == _one_of(present, generator) if len(present) else labels >= 0).nonzero()
    middle: list[int] = _one_of(places, generator)[1:].tolist()
    return middle


def _one_of(items: Tensor, generator: Generator) -> Tensor:
    return items[int(torch.randint(len(items), (), generator=generator))]
