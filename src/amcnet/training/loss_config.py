"""Settings of the loss, free of PyTorch."""

from pydantic import BaseModel, ConfigDict, Field


class LossConfig(BaseModel):
    """L = Dice + gamma * anatomy constraint (Eq. 7 of Zeng et al. 2023) + cross-entropy.

    In the paper, gamma is 0.5 and there is no cross-entropy; see
    :class:`amcnet.losses.DiceAnatomyLoss`.

    Attributes:
        gamma: Weight of the anatomy constraint.
        cross_entropy: Weight of the cross-entropy.
        batch_dice: Pool the voxels of all windows of a batch before computing Dice, instead of
            averaging the Dice of each window.
        include_background: Whether background is a class of Dice.
        deep_supervision: Whether the same loss is also applied to the coarser stages of AMCNet's
            decoder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    gamma: float = Field(0.5, ge=0)
    cross_entropy: float = Field(0.0, ge=0)
    batch_dice: bool = False
    include_background: bool = False
    deep_supervision: bool = False
