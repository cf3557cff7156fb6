"""The description of a network: what a model bundle stores, free of PyTorch."""

from math import prod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Branches = Literal["2d", "3d", "2d+3d"]
Step = Annotated[int, Field(ge=1)]
Triple = tuple[Step, Step, Step]  # along (scan, lateral, depth)

PAPER_POOLS: tuple[Triple, ...] = ((2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))


class Architecture(BaseModel):
    """Which network, and its sizes.

    Attributes:
        name: Name in the registry.
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage; each following one has twice as many.
        kernel_size: The K of the 1D convolution across channels (Eq. 2 of Zeng et al. 2023).
        branches: ``2d+3d``, or one branch of each ACM alone.
        pools: How much each stage shrinks what it hands down; there are as many stages. The
            default is the paper's.
        block: Voxels that are worked on together, as channels of one coarser voxel, and told apart
            again by the last layer. The paper has none, ``(1, 1, 1)``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Literal["amcnet"] = "amcnet"
    in_channels: int = Field(1, ge=1)
    num_classes: int = Field(39, ge=2, le=256)  # labels are 8 bits
    width: int = Field(64, ge=1)
    kernel_size: int = Field(3, ge=1)
    branches: Branches = "2d+3d"
    pools: tuple[Triple, ...] = Field(PAPER_POOLS, min_length=1, max_length=6)
    block: Triple = (1, 1, 1)

    @property
    def block_voxels(self) -> int:
        """Voxels of a block."""
        return prod(self.block)

    @property
    def least_shape(self) -> tuple[int, int, int]:
        """Input (scan, lateral, depth) that leaves something for the last stage to pool."""
        sizes = [prod(steps) for steps in zip(*self.pools, self.block, strict=True)]
        return sizes[0], sizes[1], sizes[2]

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("expected an odd number")
        return value
