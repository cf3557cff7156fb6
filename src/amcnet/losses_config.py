"""Settings of the loss, free of PyTorch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LossConfig(BaseModel):
    """L = Dice + gamma * anatomy constraint (Eq. 7 of Zeng et al. 2023)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gamma: float = Field(0.5, ge=0)
    present: Literal["patch", "batch"] = "patch"
    include_background: bool = False
