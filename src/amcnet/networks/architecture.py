"""The description of a network: what a model bundle stores, free of PyTorch."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from amcnet.networks.network_facts import CATALOGUE, NetworkName

Branches = Literal["2d", "3d", "2d+3d"]
Step = Annotated[int, Field(ge=1)]
Triple = tuple[Step, Step, Step]  # along (scan, lateral, depth)

PAPER_POOLS: tuple[Triple, ...] = ((2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
_AMCNET_ONLY = ("kernel_size", "branches", "pools", "block", "detail")


class Architecture(BaseModel):
    """Which network, and its sizes.

    Only AMCNet has the fields after ``width``: other networks refuse them, and neither files nor
    :meth:`model_dump` hold them.

    Attributes:
        name: Name in the registry.
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage; the following ones have more in proportion. The
            default is that of the network's authors.
        kernel_size: The K of the 1D convolution across channels (Eq. 2 of Zeng et al. 2023).
        branches: ``2d+3d``, or one branch of each ACM alone.
        pools: How much each stage shrinks what it hands down; there are as many stages. The
            default is the paper's.
        block: Voxels that are worked on together, as channels of one coarser voxel, and told apart
            again by the last layer. The paper has none, ``(1, 1, 1)``.
        detail: Channels of small convolutions at the grid of the voxels, which say where in a block
            a boundary runs; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: NetworkName = "amcnet"
    in_channels: int = Field(1, ge=1)
    num_classes: int = Field(39, ge=2, le=256)  # labels are 8 bits
    width: int = Field(64, ge=1)
    kernel_size: int = Field(3, ge=1)
    branches: Branches = "2d+3d"
    pools: tuple[Triple, ...] = Field(PAPER_POOLS, min_length=1, max_length=6)
    block: Triple = (1, 1, 1)
    detail: int = Field(0, ge=0)

    @property
    def block_voxels(self) -> int:
        """Voxels of a block."""
        return prod(self.block)

    @property
    def least_shape(self) -> tuple[int, int, int]:
        """Input (scan, lateral, depth) that leaves something for the last stage."""
        if self.name != "amcnet":
            return CATALOGUE[self.name].multiple
        sizes = [prod(steps) for steps in zip(*self.pools, self.block, strict=True)]
        return sizes[0], sizes[1], sizes[2]

    @model_validator(mode="before")
    @classmethod
    def _fields_of_the_network(cls, values: Any) -> Any:  # noqa: ANN401
        if not isinstance(values, dict):
            return values
        name = values.get("name", "amcnet")
        if name == "amcnet" or name not in CATALOGUE:
            return values
        if found := [key for key in _AMCNET_ONLY if key in values]:
            raise ValueError(
                f"found {', '.join(found)}, which '{name}' does not have, expected no more than "
                "name, in_channels, num_classes and width"
            )
        return {"width": CATALOGUE[name].width, **values}

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("expected an odd number")
        return value

    @model_validator(mode="after")
    def _width_that_divides(self) -> "Architecture":
        step = CATALOGUE[self.name].width_step
        if self.width % step:
            raise ValueError(f"found width {self.width}, expected a multiple of {step}")
        if self.name == "vnet" and self.width % self.in_channels:  # it repeats its input
            raise ValueError(
                f"found width {self.width}, expected a multiple of in_channels, {self.in_channels}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_it_has_not(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.name != "amcnet":
            for key in _AMCNET_ONLY:
                values.pop(key, None)
        return values
