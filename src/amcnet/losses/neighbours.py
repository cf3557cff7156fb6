"""Find the neighbour of each voxel at which the voxel's class is most probable."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from amcnet.anatomy import IGNORE

_Box = tuple[slice, ...]


def most_probable_neighbours(
    logits: Tensor, normaliser: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Find the most probable of a voxel's 27 neighbours (itself included) for the voxel's class.

    A class is pooled only within the bounding box of its voxels: bones are small, so this costs a
    few passes over one map instead of a pass over the maps of all classes.

    Args:
        logits: (batch, class, scan, lateral, depth).
        normaliser: Log-sum-exp of the logits over the classes, (batch, scan, lateral, depth).
        target: Classes, (batch, scan, lateral, depth); ``IGNORE`` for unlabelled voxels.

    Returns:
        The log-probability of the voxel's own class at the best neighbour, in the dtype of
        ``normaliser``, and the flat index of that neighbour in the sample's volume, int32. The
        first neighbour in memory wins a tie. Both are 0 where the target is ``IGNORE``.
    """
    highest = torch.zeros_like(normaliser)
    place = torch.zeros_like(target, dtype=torch.int32)
    volume = target.shape[1:]
    flat_index = torch.arange(volume.numel(), dtype=torch.int32, device=target.device).view(volume)
    for sample, value, box in class_boxes(target, logits.shape[1]):
        around, inside = _with_rim(box, volume)
        window = normaliser[sample][around]
        log_probability = logits[sample, value][around].to(window.dtype) - window
        pooled, local = functional.max_pool3d(
            log_probability[None], 3, stride=1, padding=1, return_indices=True
        )
        found = flat_index[around].take(local[0][inside])
        chosen = target[sample][box] == value
        highest[sample][box] = torch.where(chosen, pooled[0][inside], highest[sample][box])
        place[sample][box] = torch.where(chosen, found, place[sample][box])
    return highest, place


def class_boxes(target: Tensor, classes: int) -> Iterator[tuple[int, int, _Box]]:
    """Yield (sample, class, box) of each class that occurs in each sample of a batch.

    Args:
        target: Classes, (batch, scan, lateral, depth); ``IGNORE`` for unlabelled voxels.
        classes: Number of classes.
    """
    index = target.long().masked_fill(target == IGNORE, classes)
    lines = _occurs_along_last(index, classes)
    planes = _occurs_along_last(index.transpose(2, 3), classes)
    # Each (batch, position, class)
    along = (lines.any(dim=2).cpu(), lines.any(dim=1).cpu(), planes.any(dim=1).cpu())
    for sample, value in along[0].any(dim=1).nonzero().tolist():
        yield sample, value, tuple(_extent(axis[sample, :, value]) for axis in along)


def _occurs_along_last(index: Tensor, classes: int) -> Tensor:
    """Return which classes occur on each line of the last axis: bool (..., class)."""
    found = torch.zeros((*index.shape[:-1], classes + 1), dtype=torch.bool, device=index.device)
    return found.scatter_(-1, index, True)[..., :classes]


def _extent(occurs: Tensor) -> slice:
    positions = occurs.nonzero()
    return slice(int(positions[0]), int(positions[-1]) + 1)


def _with_rim(box: _Box, volume: torch.Size) -> tuple[_Box, _Box]:
    """Grow a box by one voxel within the volume; return it, and the old box inside it."""
    around, inside = [], []
    for extent, size in zip(box, volume, strict=True):
        start = max(extent.start - 1, 0)
        around.append(slice(start, min(extent.stop + 1, size)))
        inside.append(slice(extent.start - start, extent.stop - start))
    return tuple(around), tuple(inside)
