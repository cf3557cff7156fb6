"""Losses: soft Dice, the anatomy-constraint loss, and their weighted sum.

All take logits (batch, class, scan, lateral, depth) and an integer target
(batch, scan, lateral, depth), and compute in the precision of the logits, float32 at least.
Voxels whose target is :data:`amcnet.anatomy.IGNORE` count in no term.
"""

from amcnet.extras import require_extra

require_extra("train", "amcnet.losses")

from amcnet.losses.terms import AnatomyConstraintLoss, DiceAnatomyLoss, DiceLoss  # noqa: E402

__all__ = ["AnatomyConstraintLoss", "DiceAnatomyLoss", "DiceLoss"]
