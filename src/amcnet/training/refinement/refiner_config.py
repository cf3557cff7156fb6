"""Configuration of a refiner's training."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from amcnet.data.preprocessing import Preprocessing
from amcnet.networks.refiner_architecture import RefinerArchitecture, Width
from amcnet.training.training_config import (
    DataConfig,
    OptimiserConfig,
    Precision,
    ScheduleConfig,
    Seed,
)
from amcnet.training.transforms.settings import AugmentationConfig

PatchSide = Annotated[int, Field(ge=8)]


class _RefinerSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PatchConfig(_RefinerSection):
    """Training patches.

    Attributes:
        shape: Voxels of a patch along (scan, lateral, depth).
        damaged_share: Share of patches whose labels are randomly damaged reference labels instead
            of the labels of the model to be refined.
        resized_share: Share of patches in which all these labels are too large or too small by the
            same random distance, so that the refiner searches the boundary in the image.
    """

    shape: tuple[PatchSide, PatchSide, PatchSide] = (32, 32, 48)
    damaged_share: float = Field(0.4, ge=0, le=1)
    resized_share: float = Field(0.5, ge=0, le=1)


class RefinementConfig(_RefinerSection):
    """Everything that determines the training of a refiner.

    Attributes:
        name: Name of the run.
        seed: Seed of the weights, the split and the patches.
        precision: ``auto`` is bfloat16 if the hardware computes it fast, else float32. ``bf16``
            means mixed precision.
        refine: The model whose labels are refined: the folder of its bundle, relative to the
            configuration file, or its installed name.
        spacing_mm: Spacing (scan, lateral, depth) of the fine grid that the refiner works on.
        widths: Channels of each level of the network, the finest first.
        start_from_refiner: Whether training starts from the weights of the refiner that the model
            already has, instead of random ones; sizes must agree.
        patches: Training patches.
        augmentation: Intensity transforms, synthetic images of the labels, other intensities of
            tissue (of the scan variation), and the axes that may be mirrored. Other spatial
            transforms are not used.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: Seed = 0
    precision: Precision = "auto"
    refine: str
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    widths: tuple[Width, ...] = (8, 32, 64)
    start_from_refiner: bool = False
    data: DataConfig
    patches: PatchConfig = PatchConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    optimiser: OptimiserConfig = OptimiserConfig(batch_size=2)
    schedule: ScheduleConfig

    @model_validator(mode="after")
    def _shape_of_whole_levels(self) -> "RefinementConfig":
        divisor = RefinerArchitecture(kinds=1, widths=self.widths).divisor
        if any(side % divisor for side in self.patches.shape):
            raise ValueError(
                f"found patches of {self.patches.shape} voxels, expected multiples of {divisor} "
                f"for {len(self.widths)} levels"
            )
        return self

    def with_limits(
        self, fold: int | Literal["all"] | None, max_hours: float | None
    ) -> "RefinementConfig":
        """Return the configuration with another fold and time limit; None keeps the value."""
        data = self.data if fold is None else self.data.model_copy(update={"fold": fold})
        hours = {} if max_hours is None else {"max_hours": max_hours}
        schedule = self.schedule.model_copy(update=hours)
        return self.model_copy(update={"data": data, "schedule": schedule})

    def preprocessing(self, normalisation: Preprocessing) -> Preprocessing:
        """Return the preprocessing: the model's normalisation on the fine grid."""
        return normalisation.model_copy(
            update={"spacing_mm": self.spacing_mm, "scan_tolerance": 0.0}
        )
