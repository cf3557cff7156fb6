"""The description of a network: what a model bundle stores, free of PyTorch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Branches = Literal["2d", "3d", "2d+3d"]


class Architecture(BaseModel):
    """Which network, and its sizes.

    ``kernel_size`` is the K of the 1D convolution across channels (Eq. 2 of Zeng et al. 2023).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Literal["amcnet"] = "amcnet"
    in_channels: int = Field(1, ge=1)
    num_classes: int = Field(39, ge=2, le=256)  # labels are 8 bits
    width: int = Field(64, ge=1)
    kernel_size: int = Field(3, ge=1)
    branches: Branches = "2d+3d"

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("expected an odd number")
        return value
