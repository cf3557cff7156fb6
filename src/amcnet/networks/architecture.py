"""The description of a network that configurations and model bundles hold, free of PyTorch."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Step = Annotated[int, Field(ge=1)]
AxisSizes = tuple[Step, Step, Step]  # along (scan, lateral, depth)


class Architecture(BaseModel):
    """Name, sizes and options of a network.

    Options of the individual networks, such as AMCNet's ``branches``, are additional keys.
    :func:`amcnet.networks.registry.complete` checks them and fills in defaults.

    Attributes:
        name: Name in the registry.
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage; later stages are proportional. None is the width chosen
            by the network's authors.

    Example:
        >>> Architecture(name="vnet", num_classes=3).width is None
        True
        >>> Architecture(branches="2d").options
        {'branches': '2d'}
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str = "amcnet"
    in_channels: int = Field(1, ge=1)
    num_classes: int = Field(39, ge=2, le=256)  # labels are 8 bits
    width: int | None = Field(None, ge=1)

    @property
    def options(self) -> dict[str, Any]:
        """Options of this network."""
        return dict(self.model_extra or {})


class NetworkNeeds(BaseModel):
    """Requirements of a network on input size and memory.

    A model bundle states these figures, so segmentation needs neither PyTorch nor the registry.

    Attributes:
        divisor: The network pads its input to multiples of this, (scan, lateral, depth).
        least_shape: Smallest useful input, (scan, lateral, depth).
        space_to_depth: Space-to-depth factor along each axis.
        bytes_per_voxel: Upper bound of the memory of the features, per voxel of the padded input,
            without the returned logits.

    Example:
        >>> needs = NetworkNeeds(divisor=(1, 16, 16), least_shape=(1, 16, 16), bytes_per_voxel=500)
        >>> needs.space_to_depth
        (1, 1, 1)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    divisor: AxisSizes = (1, 1, 1)
    least_shape: AxisSizes = (1, 1, 1)
    space_to_depth: AxisSizes = (1, 1, 1)
    bytes_per_voxel: float = Field(gt=0)
