"""The sums that all loss terms consist of, in one pass over the logits.

The logits are by far the largest tensor of a loss (39 maps), so no second tensor of that size is
kept: the softmax is computed slab by slab along the scan axis, once in the forward pass and again
for the gradient, and only tensors with one value per voxel are kept.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

from amcnet.anatomy import IGNORE
from amcnet.losses.neighbours import most_probable_neighbours

_SLAB_ELEMENTS = 2**22  # values of all classes that are held at a time


class SoftmaxSums(NamedTuple):
    """Sums over all voxels but ignored ones, with P the softmax and y the class of a voxel.

    Attributes:
        predicted: Sum of P of each class, (batch, class).
        overlap: Sum of P_y over the voxels of each class, (batch, class).
        actual: Number of voxels of each class, (batch, class), without a gradient.
        cross_entropy: Sum of -log P_y, a scalar.
        anatomy: Sum of -F log P_y, a scalar, where F = ReLU(1 - the largest P_y of the 27
            neighbours); 0 if it was not requested.
    """

    predicted: Tensor
    overlap: Tensor
    actual: Tensor
    cross_entropy: Tensor
    anatomy: Tensor


def softmax_sums(logits: Tensor, target: Tensor, anatomy: bool = False) -> SoftmaxSums:
    """Return the sums, in the precision of the logits and float32 at least.

    Args:
        logits: (batch, class, scan, lateral, depth).
        target: Classes, (batch, scan, lateral, depth), any integer dtype. Voxels with ``IGNORE``
            are excluded from the sums, but may be neighbours of other voxels.
        anatomy: Whether the anatomy sum is needed.
    """
    return SoftmaxSums(*_SoftmaxSums.apply(logits, target, anatomy))  # type: ignore[no-untyped-call]


class _SoftmaxSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, logits: Tensor, target: Tensor, anatomy: bool
    ) -> tuple[Tensor, ...]:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        normaliser = torch.empty(target.shape, dtype=dtype, device=logits.device)
        own = torch.empty_like(normaliser)  # log P_y; 0 in ignored voxels
        predicted = normaliser.new_zeros(logits.shape[:2])
        overlap, actual = torch.zeros_like(predicted), torch.zeros_like(predicted)
        for part in _slabs(logits):
            values = _values(logits[:, :, part], dtype)
            counts, index = _classes(target[:, part])
            top = values.amax(dim=1, keepdim=True)
            softmax = (values - top).exp_()
            total = softmax.sum(dim=1, keepdim=True)
            log_total = total.log() + top
            log_own = (values.gather(1, index) - log_total).masked_fill_(~counts, 0)
            predicted += softmax.mul_(counts / total).sum(dim=2)
            overlap.scatter_add_(1, index[:, 0], (log_own.exp() * counts)[:, 0])
            actual.scatter_add_(1, index[:, 0], counts[:, 0].to(dtype))
            normaliser[:, part] = log_total.view_as(normaliser[:, part])
            own[:, part] = log_own.view_as(own[:, part])
        anatomy_sum = own.new_zeros(())
        highest, place = own.new_empty(0), target.new_empty(0)
        if anatomy:
            highest, place = most_probable_neighbours(logits, normaliser, target)
            anatomy_sum = -(_error(highest) * own).sum()
        ctx.save_for_backward(logits, target, normaliser, own, highest, place)
        ctx.mark_non_differentiable(actual)
        return predicted, overlap, actual, -own.sum(), anatomy_sum

    @staticmethod
    @once_differentiable
    def backward(ctx: BackwardCFunction, *gradients: Tensor) -> tuple[Tensor, None, None]:
        to_predicted, to_overlap, _, to_entropy, to_anatomy = gradients
        saved = cast(tuple[Tensor, ...], ctx.saved_tensors)
        logits, target, normaliser, own, highest, place = saved
        anatomy = highest.numel() > 0
        result = torch.empty_like(logits)
        for part in _slabs(logits):
            counts, index = _classes(target[:, part])
            log_own = own[:, part].flatten(1).unsqueeze(1)
            # The gradient with respect to log P_y: of each voxel, then summed over the classes.
            to_own = log_own.exp() * to_overlap.gather(1, index[:, 0]).unsqueeze(1) - to_entropy
            if anatomy:
                to_own -= to_anatomy * _error(highest[:, part].flatten(1).unsqueeze(1))
            to_own *= counts
            to_any = to_own.clone()
            values = _values(logits[:, :, part], own.dtype)
            softmax = (values - normaliser[:, part].flatten(1).unsqueeze(1)).exp_()
            neighbours = None
            if anatomy:
                neighbours = _from_neighbours(part, target, own, highest, place)
                neighbours.weight.mul_(to_anatomy)
                to_any[:, 0].scatter_add_(1, neighbours.voxel, neighbours.weight)
            slope = to_predicted.unsqueeze(2)
            to_any += (softmax * slope).sum(dim=1, keepdim=True) * counts
            gradient = softmax.mul_(slope * counts - to_any)
            gradient.scatter_add_(1, index, to_own)
            if neighbours is not None:
                flat = neighbours.value * gradient.shape[2] + neighbours.voxel
                gradient.view(len(gradient), -1).scatter_add_(1, flat, neighbours.weight)
            result[:, :, part] = gradient.view_as(result[:, :, part])
        return result, None, None


class _Contributions(NamedTuple):
    """Contributions of voxels to the gradient of log P at their best neighbour, (batch, source)."""

    voxel: Tensor  # flat index in the slab
    value: Tensor  # the source's own class
    weight: Tensor


def _from_neighbours(
    part: slice, target: Tensor, own: Tensor, highest: Tensor, place: Tensor
) -> _Contributions:
    """Return the contributions to a slab; they come from one slice further on either side."""
    plane = target[0, 0].numel()
    source = slice(max(part.start - 1, 0), min(part.stop + 1, target.shape[1]))
    log_highest = highest[:, source].flatten(1)
    voxel = place[:, source].flatten(1).long() - part.start * plane
    inside = (voxel >= 0) & (voxel < (part.stop - part.start) * plane)
    # The derivative of -F log P_y with F = 1 - P; ReLU has none where F is 0.
    weight = log_highest.exp() * own[:, source].flatten(1) * (inside & (_error(log_highest) > 0))
    _, index = _classes(target[:, source])
    return _Contributions(voxel.masked_fill_(~inside, 0), index[:, 0], weight)


def _error(log_highest: Tensor) -> Tensor:
    """Return F of Eq. 6 at the voxel's own class."""
    return (1 - log_highest.exp()).clamp_min_(0)


def _values(logits: Tensor, dtype: torch.dtype) -> Tensor:
    """Return logits (batch, class, voxel), class by class in memory whatever the layout was."""
    return logits.to(dtype).flatten(2).contiguous()


def _classes(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mask of the labelled voxels and their classes (else 0), both (batch, 1, voxel)."""
    flat = target.flatten(1).unsqueeze(1)
    counts = flat != IGNORE
    return counts, flat.long().masked_fill(~counts, 0)


def _slabs(logits: Tensor) -> Iterator[slice]:
    size = logits.shape[2]
    thickness = max(1, _SLAB_ELEMENTS * size // max(1, logits.numel()))
    for start in range(0, size, thickness):
        yield slice(start, min(start + thickness, size))
