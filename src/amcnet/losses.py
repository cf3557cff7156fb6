"""Losses: soft Dice, the anatomy-constraint loss, and their weighted sum.

All take logits (batch, class, scan, lateral, depth) and an integer target
(batch, scan, lateral, depth), and compute in the precision of the logits, float32 at least.
"""

from collections.abc import Callable
from itertools import product
from typing import Literal

from amcnet.errors import InputError
from amcnet.extras import require_extra

require_extra("train", "amcnet.losses")

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

Present = Literal["patch", "batch"]


class AnatomyConstraintLoss(nn.Module):
    """The anatomy-constraint loss of Zeng et al., MICCAI 2023, Eq. 5-6.

    With the softmax P, the one-hot label Y and G a 3 x 3 x 3 max-pool of stride 1, the error map
    is F_i = ReLU(Y_i - G(P_i)), and the loss is the mean over voxels of -sum_i F_i Y_i log P_i.
    Only the true class of a voxel contributes, so only that class is gathered from the voxel's
    27 neighbours; the maps of the other classes are never made. The gradient flows through F.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Raises:
            InputError: If shapes do not fit, or the target is no integer class.
        """
        target = _checked_target(logits, target)
        logits = _at_least_float32(logits)
        log_normaliser = torch.logsumexp(logits, dim=1).flatten(1)
        flat_logits, flat_target = logits.flatten(2), target.flatten(1)

        def log_probability(voxel: Tensor) -> Tensor:
            """Log P of each voxel's own true class at another voxel (flat index)."""
            index = flat_target * flat_logits.shape[2] + voxel
            return flat_logits.flatten(1).gather(1, index) - log_normaliser.gather(1, voxel)

        with torch.no_grad():
            most_confident = _argmax_of_neighbours(log_probability, target)
        here = torch.arange(flat_target.shape[1], device=logits.device).expand_as(flat_target)
        error = 1 - log_probability(most_confident).exp()
        return -(error.clamp_min(0) * log_probability(here)).mean()


class DiceLoss(nn.Module):
    """Soft Dice loss, averaged over the classes that occur.

    Args:
        present: Which classes count: those in each ``patch`` (Dice per patch, then averaged) or
            those in the whole ``batch`` (voxels pooled). A window of 16 slices holds few of 38
            bones; a class that is absent would only add noise.
        include_background: Whether class 0 counts.
        smooth: Added to numerator and denominator.
    """

    def __init__(
        self, present: Present = "patch", include_background: bool = False, smooth: float = 1e-5
    ) -> None:
        super().__init__()
        self.present = present
        self.include_background = include_background
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return 1 - Dice, a scalar; 0 where no class counts.

        Raises:
            InputError: If shapes do not fit, or the target is no integer class.
        """
        target = _checked_target(logits, target).flatten(1)
        probability = torch.softmax(_at_least_float32(logits), dim=1).flatten(2)
        predicted = probability.sum(dim=2)
        true_probability = probability.gather(1, target.unsqueeze(1)).squeeze(1)
        zeros = torch.zeros_like(predicted)
        overlap = zeros.scatter_add(1, target, true_probability)
        actual = zeros.scatter_add(1, target, torch.ones_like(true_probability))
        if self.present == "batch":
            predicted, overlap, actual = (
                term.sum(dim=0, keepdim=True) for term in (predicted, overlap, actual)
            )
        dice = (2 * overlap + self.smooth) / (predicted + actual + self.smooth)
        counts = actual > 0
        if not self.include_background:
            counts[:, 0] = False
        return torch.where(counts, 1 - dice, 0).sum() / counts.sum().clamp_min(1)


class DiceAnatomyLoss(nn.Module):
    """L = Dice + gamma * anatomy constraint (Eq. 7), and a plain cross-entropy where asked for.

    The two terms of the paper leave a gap: Dice over the classes that occur says nothing about a
    class that does not, and the anatomy term forgives every voxel beside a right one. A class that
    is absent may then take scattered background voxels at no cost. Cross-entropy closes it.

    Args:
        gamma: Weight of the anatomy-constraint loss.
        dice: The Dice part; a default one is made where it is left out.
        cross_entropy: Weight of the cross-entropy (mean over voxels); the paper has none.
    """

    def __init__(
        self, gamma: float = 0.5, dice: DiceLoss | None = None, cross_entropy: float = 0.0
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.cross_entropy = cross_entropy
        self.dice = dice or DiceLoss()
        self.anatomy = AnatomyConstraintLoss()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted sum, a scalar."""
        logits = _at_least_float32(logits)  # once for both terms
        loss: Tensor = self.dice(logits, target)
        if self.gamma:
            loss = loss + self.gamma * self.anatomy(logits, target)
        if self.cross_entropy:
            loss = loss + self.cross_entropy * functional.cross_entropy(logits, target.long())
        return loss


def _argmax_of_neighbours(log_probability: Callable[[Tensor], Tensor], target: Tensor) -> Tensor:
    """Return, per voxel, the flat index of the neighbour where its true class is most probable.

    At the border the window is clamped, which repeats voxels that it holds already.
    """
    _, *size = target.shape
    axes = [torch.arange(n, device=target.device) for n in size]
    best: Tensor | None = None
    best_index = torch.zeros(0)
    for offset in product((-1, 0, 1), repeat=len(size)):
        index = torch.zeros((), dtype=torch.long, device=target.device)
        for axis, (positions, step, n) in enumerate(zip(axes, offset, size, strict=True)):
            shape = [1] * len(size)
            shape[axis] = n
            index = index * n + (positions + step).clamp(0, n - 1).view(shape)
        flat = index.reshape(1, -1).expand(target.shape[0], -1)
        value = log_probability(flat)
        if best is None:
            best, best_index = value, flat
        else:
            better = value > best
            best = torch.where(better, value, best)
            best_index = torch.where(better, flat, best_index)
    return best_index


def _at_least_float32(logits: Tensor) -> Tensor:
    """Widen half precision; classes outermost, as every term reads one class at a time."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide.contiguous()


def _checked_target(logits: Tensor, target: Tensor) -> Tensor:
    if logits.ndim < 3 or target.shape != (logits.shape[0], *logits.shape[2:]):
        expected = (logits.shape[0], *logits.shape[2:])
        raise InputError(
            f"target has shape {tuple(target.shape)}, expected {tuple(expected)} "
            f"for logits of shape {tuple(logits.shape)}"
        )
    if target.is_floating_point() or target.is_complex():
        raise InputError(f"target is {target.dtype}, expected integer classes")
    target = target.long()
    low, high = int(target.min()), int(target.max())
    if low < 0 or high >= logits.shape[1]:
        raise InputError(
            f"target holds classes {low} to {high}, expected 0 to {logits.shape[1] - 1}"
        )
    return target
