"""The architecture of a refiner as stored in a model bundle; free of PyTorch."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Width = Annotated[int, Field(ge=1)]


class RefinerArchitecture(BaseModel):
    """Sizes of :class:`amcnet.networks.refiner.Refiner`.

    Attributes:
        in_channels: Channels of the image.
        kinds: Number of kinds of structures, without the background.
        widths: Channels of each level, the finest first; each level halves the resolution.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    in_channels: int = Field(1, ge=1)
    kinds: int = Field(ge=1, le=254)
    widths: tuple[Width, ...] = Field((8, 32, 64), min_length=1, max_length=5)

    @property
    def divisor(self) -> int:
        """Divisor of the sides of a patch."""
        return 1 << (len(self.widths) - 1)
