"""Training of the refinement head on one box of a window per step.

Logits of all classes at all voxels would cost too much.
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from amcnet.anatomy import IGNORE
from amcnet.labelmaps.region import Box
from amcnet.networks.architecture import AxisSizes
from amcnet.networks.voxel_subsets import pad_labels

BOX_VOXELS = (72, 72, 52)  # approximate size along (scan, lateral, depth)


class RefinementBox(NamedTuple):
    """A box of a window.

    Attributes:
        groups: The box, in space-to-depth groups along (scan, lateral, depth).
        labels: (batch, scan, lateral, depth), labels of its voxels; ``IGNORE`` near a side where
            the window continues, because the refinement head lacks context there.
    """

    groups: Box
    labels: Tensor


def choose_box(labels: Tensor, factor: AxisSizes, reach: int, turn: int) -> RefinementBox:
    """Choose a box around a voxel of a structure.

    Every structure of the batch is equally likely to be at the centre, whatever its size.

    Args:
        labels: uint8 (batch, scan, lateral, depth), of all voxels.
        factor: The space-to-depth factor, (scan, lateral, depth).
        reach: Receptive field of the refinement head, in voxels to each side.
        turn: Determines the position of the box, together with the labels.
    """
    whole = pad_labels(labels, factor)
    groups, voxels, inner = [], [], []
    for middle, wanted, size, step in zip(
        _middle(labels, turn), BOX_VOXELS, whole.shape[1:], factor, strict=True
    ):
        count = size // step
        length = min(max(1, wanted // step), count)
        first = min(max(0, middle // step - length // 2), count - length)
        last = first + length
        groups.append(slice(first, last))
        voxels.append(slice(first * step, last * step))
        inner.append(slice(reach if first else 0, -reach if last < count else None))
    box, known = (slice(None), *voxels), (slice(None), *inner)
    target = torch.full_like(whole[box], IGNORE)
    target[known] = whole[box][known]
    return RefinementBox((groups[0], groups[1], groups[2]), target)


def _middle(labels: Tensor, turn: int) -> list[int]:
    """Return a voxel (scan, lateral, depth) of a structure, or any voxel if there is none."""
    generator = Generator().manual_seed(turn)
    structures = torch.unique(labels)
    structures = structures[(structures > 0) & (structures != IGNORE)]
    chosen = labels == _one_of(structures, generator) if len(structures) else labels >= 0
    middle: list[int] = _one_of(chosen.nonzero(), generator)[1:].tolist()
    return middle


def _one_of(items: Tensor, generator: Generator) -> Tensor:
    return items[int(torch.randint(len(items), (), generator=generator))]
