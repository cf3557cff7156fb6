"""Soft Dice, the anatomy-constraint loss, and their weighted sum."""

import torch
from torch import Tensor, nn

from amcnet.anatomy import IGNORE
from amcnet.errors import InputError, count_text
from amcnet.losses.softmax_sums import SoftmaxSums, softmax_sums


class AnatomyConstraintLoss(nn.Module):
    """The anatomy-constraint loss of Zeng et al., MICCAI 2023, Eq. 5-6.

    With the softmax P, the one-hot label Y and G a 3 x 3 x 3 max-pool of stride 1, the error map is
    F_i = ReLU(Y_i - G(P_i)), and the loss is the mean over voxels of -sum_i F_i Y_i log P_i. Only
    the true class of a voxel contributes, so the maps of other classes are not computed. The
    gradient flows through F, to the first of equally probable neighbours.

    Ignored voxels are excluded from the mean, but their predictions serve as neighbours.

    Example:
        >>> target = torch.ones(1, 4, 4, 4, dtype=torch.long)
        >>> logits = torch.zeros(1, 2, 4, 4, 4)  # P = 0.5 for both classes everywhere
        >>> loss = AnatomyConstraintLoss()(logits, target)
        >>> round(float(loss), 3)  # (1 - 0.5) * -log(0.5)
        0.347
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss.

        Args:
            logits: Float (batch, class, scan, lateral, depth).
            target: Integer (batch, scan, lateral, depth): classes, or :data:`IGNORE`.

        Returns:
            A scalar of the logits' dtype, float32 at least; 0 if all voxels are ignored.

        Raises:
            InputError: If shapes do not fit, or the target does not hold classes of the logits.
        """
        check_target(logits, target)
        sums = softmax_sums(logits, target, anatomy=True)
        return sums.anatomy / _voxels(sums)


class DiceLoss(nn.Module):
    """Soft Dice loss, averaged over the classes that occur. Voxels to ignore are in no sum.

    Args:
        batch_dice: Pool the voxels of all windows of the batch, and average over the classes that
            occur in any window. Otherwise Dice is computed per window over the classes that occur
            in it, and averaged. A window of 16 slices contains few of the 38 structures; absent
            classes would only add noise.
        include_background: Whether class 0 is included.
        smooth: Added to numerator and denominator.

    Example:
        >>> target = torch.zeros(1, 4, 4, 4, dtype=torch.long)
        >>> target[:, 1:3, 1:3, 1:3] = 1
        >>> perfect = 20.0 * torch.stack([target == 0, target == 1], dim=1).float()
        >>> round(float(DiceLoss()(perfect, target)), 3)
        0.0
        >>> round(float(DiceLoss()(-perfect, target)), 3)
        1.0
    """

    def __init__(
        self, batch_dice: bool = False, include_background: bool = False, smooth: float = 1e-5
    ) -> None:
        super().__init__()
        self.batch_dice = batch_dice
        self.include_background = include_background
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return 1 - Dice.

        Args:
            logits: Float (batch, class, scan, lateral, depth).
            target: Integer (batch, scan, lateral, depth): classes, or :data:`IGNORE`.

        Returns:
            A scalar of the logits' dtype, float32 at least; 0 if no class occurs.

        Raises:
            InputError: If shapes do not fit, or the target does not hold classes of the logits.
        """
        check_target(logits, target)
        return self.of_sums(softmax_sums(logits, target))

    def of_sums(self, sums: SoftmaxSums) -> Tensor:
        """Return the loss from precomputed sums."""
        predicted, overlap, actual = sums.predicted, sums.overlap, sums.actual
        if self.batch_dice:
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

    The two terms of the paper leave a gap: Dice ignores absent classes, and the anatomy term
    forgives every voxel next to a correct one, so an absent class may occupy scattered background
    voxels at no cost. Cross-entropy closes the gap.

    Args:
        gamma: Weight of the anatomy-constraint loss.
        dice: The Dice loss; by default ``DiceLoss()``.
        cross_entropy: Weight of the cross-entropy (mean over voxels); the paper has none.

    Example:
        >>> target = torch.ones(1, 4, 4, 4, dtype=torch.long)
        >>> logits = torch.zeros(1, 2, 4, 4, 4, requires_grad=True)
        >>> loss = DiceAnatomyLoss(gamma=0.5)(logits, target)
        >>> loss.backward()
        >>> round(loss.item(), 3), logits.grad.shape
        (0.507, torch.Size([1, 2, 4, 4, 4]))
    """

    def __init__(
        self, gamma: float = 0.5, dice: DiceLoss | None = None, cross_entropy: float = 0.0
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.cross_entropy = cross_entropy
        self.dice = dice or DiceLoss()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted sum.

        Args:
            logits: Float (batch, class, scan, lateral, depth).
            target: Integer (batch, scan, lateral, depth): classes, or :data:`IGNORE`.

        Returns:
            A scalar of the logits' dtype, float32 at least; 0 if all voxels are ignored.

        Raises:
            InputError: If shapes do not fit, or the target does not hold classes of the logits.
        """
        check_target(logits, target)
        sums = softmax_sums(logits, target, anatomy=self.gamma != 0)
        terms = self.gamma * sums.anatomy + self.cross_entropy * sums.cross_entropy
        return self.dice.of_sums(sums) + terms / _voxels(sums)


def check_target(logits: Tensor, target: Tensor) -> None:
    """Refuse a target that does not fit the logits.

    Raises:
        InputError: If shapes do not fit, or the target does not hold classes of the logits.
    """
    expected = (logits.shape[0], *logits.shape[2:])
    if logits.ndim != 5 or target.shape != expected:
        raise InputError(
            f"target has shape {tuple(target.shape)}, expected {expected} "
            f"for logits of shape {tuple(logits.shape)}"
        )
    if target.is_floating_point() or target.is_complex():
        raise InputError(f"target is {target.dtype}, expected integer classes")
    if logits.shape[1] > IGNORE:
        raise InputError(
            f"logits have {count_text(logits.shape[1], 'class')}, expected at most {IGNORE}: "
            f"label {IGNORE} marks voxels to ignore"
        )
    classes = target.masked_fill(target == IGNORE, 0)
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= logits.shape[1]:
        raise InputError(
            f"target holds classes {low} to {high}, expected 0 to {logits.shape[1] - 1} "
            f"or {IGNORE} for voxels to ignore"
        )


def _voxels(sums: SoftmaxSums) -> Tensor:
    """Return the number of labelled voxels, at least 1."""
    return sums.actual.sum().clamp_min(1)
