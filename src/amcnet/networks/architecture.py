"""The description of a network that configurations and model bundles hold, free of PyTorch."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Step = Annotated[int, Field(ge=1)]
Triple = tuple[Step, Step, Step]  # along (scan, lateral, depth)


class Architecture(BaseModel):
    """Which network, and its sizes.

    Each network has options of its own, such as AMCNet's ``branches``; they are keys beside the
    ones below. :func:`amcnet.networks.registry.complete` checks them and fills in what is missing.

    Attributes:
        name: Name in the registry.
        in_channels: Channels of the input.
        num_classes: Classes of the output, background included.
        width: Channels of the first stage; the following ones have more in proportion. None for
            the width that the network's authors chose.

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
        """The network's own options."""
        return dict(self.model_extra or {})


class NetworkNeeds(BaseModel):
    """What a network needs of its input and of the memory.

    A model bundle holds these figures, so that segmentation neither needs PyTorch nor knows which
    networks there are.

    Attributes:
        divisor: The network pads its input to multiples of this, (scan, lateral, depth).
        least_shape: The smallest input (scan, lateral, depth) that makes sense.
        space_to_depth: Voxels that the network works on together, along each axis.
        bytes_per_voxel: Upper bound of the memory that features take while the network runs, for
            each voxel of the padded input, without the logits that it returns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    divisor: Triple = (1, 1, 1)
    least_shape: Triple = (1, 1, 1)
    space_to_depth: Triple = (1, 1, 1)
    bytes_per_voxel: float = Field(gt=0)
