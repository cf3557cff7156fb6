"""What a training configuration holds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from amcnet.data.preprocessing import Preprocessing
from amcnet.data.window_sampler import Centre
from amcnet.extras import require_extra
from amcnet.networks import Architecture
from amcnet.training.loss_config import LossConfig
from amcnet.training.transforms.settings import AugmentationConfig

Precision = Literal["auto", "bf16", "float32"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(_Section):
    """Which cases are trained on.

    Attributes:
        dataset: Folder of a prepared data set (``amcnet prepare``), or a raw one, which is prepared
            in the run folder. Relative to the configuration file.
        description: What the data are, in words; the model's users read it.
        validation_fraction: Share of the cases that is held out, chosen by the seed. Where it and
            ``folds`` are left out, the data set's ``splits_final.json`` decides, or else 0.25.
        folds: Number of folds of a cross-validation, dealt by the seed.
        fold: Which fold is held out; ``all`` trains on every case and holds none out.
    """

    dataset: Path
    description: str
    validation_fraction: float | None = Field(None, ge=0, lt=1)
    folds: int | None = Field(None, ge=2)
    fold: Annotated[int, Field(ge=0)] | Literal["all"] = 0

    @model_validator(mode="after")
    def _one_rule(self) -> "DataConfig":
        if self.folds is not None and self.validation_fraction is not None:
            raise ValueError("found folds and validation_fraction, expected one of them")
        if self.folds is not None and self.fold != "all" and self.fold >= self.folds:
            raise ValueError(f"found fold {self.fold}, expected 0 to {self.folds - 1}, or 'all'")
        return self


class SamplingConfig(_Section):
    """Training windows.

    Attributes:
        window: Slices of a window.
        foreground_probability: Share of windows that are put on labelled slices.
        centre: ``structure``: those windows are put on one structure, each of them equally often
            however rare; ``foreground``: on any labelled slice.
        crop_probability: Share of windows that are cut to a random box.
        smallest_crop: Least share of each axis that such a box keeps.
    """

    window: PositiveInt = 16
    foreground_probability: float = Field(0.8, ge=0, le=1)
    centre: Centre = "structure"
    crop_probability: float = Field(0.0, ge=0, le=1)
    smallest_crop: float = Field(0.6, gt=0, le=1)

    @property
    def shortest_window(self) -> int | None:
        """Slices of the shortest windows, where they differ."""
        if not self.crop_probability:
            return None
        return max(1, round(self.smallest_crop * self.window))


class OptimiserConfig(_Section):
    """Adam with a linear warm-up and a decay.

    Attributes:
        learning_rate: Highest rate.
        beta1: Decay of Adam's running mean of the gradient.
        warmup_steps: Steps until the highest rate is reached, but at most a tenth of the run.
        decay: How the rate falls over the run: ``cosine`` to zero, ``polynomial`` (power 0.9) to
            zero, or not at all (``constant``).
        batch_size: Windows that go through the network at once, on each device.
        accumulate: Batches whose gradients are averaged into one step.
        clip_norm: Gradients are scaled down to this norm; 0 leaves them as they are.
    """

    learning_rate: float = Field(3e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    warmup_steps: int = Field(100, ge=0)
    decay: Literal["cosine", "polynomial", "constant"] = "cosine"
    batch_size: PositiveInt = 1
    accumulate: PositiveInt = 1
    clip_norm: float = Field(1.0, ge=0)


class ScheduleConfig(_Section):
    """How long, and how often something is checked or saved.

    Attributes:
        steps: Optimiser steps in all.
        steps_per_epoch: Steps between two validations.
        checkpoint_steps: Steps between two checkpoints within an epoch; each epoch ends with one
            too. What came after the last one is done again by a resumed run.
        validation_windows: Windows of each held-out case that are looked at.
        max_hours: Wall-clock limit of the whole run; the rate then decays in time for it.
        patience: The run ends early when the Dice of the held-out windows has not risen for this
            many epochs.
        keep: Which weights go into the model: those of the ``last`` step, or the ``best`` on the
            held-out windows.
    """

    steps: PositiveInt
    steps_per_epoch: PositiveInt = 250
    checkpoint_steps: PositiveInt = 100
    validation_windows: PositiveInt = 4
    max_hours: float | None = Field(None, gt=0)
    patience: PositiveInt | None = None
    keep: Literal["last", "best"] = "last"


class HardwareConfig(_Section):
    """What a run is spread over.

    Attributes:
        accelerator: ``auto`` takes CUDA GPUs where there are any.
        devices: Devices of each machine; ``auto`` takes all GPUs, or one CPU process.
        nodes: Machines; start the command on each of them, as Lightning's cluster guide says.
        workers: Processes on each device that read windows while the network works; the default
            is none on a CPU and four beside a GPU.
        deterministic: Only use algorithms that give the same result every time, where there are
            such (some have none on a GPU).
    """

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: PositiveInt | Literal["auto"] = "auto"
    nodes: PositiveInt = 1
    workers: int | None = Field(None, ge=0)
    deterministic: bool = False


Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy and PyTorch both take


class TrainingConfig(_Section):
    """Everything that decides a training run.

    Attributes:
        name: Name of the model.
        licence: Licence of the model that comes out, best as an SPDX identifier; empty for none.
        precision: ``auto`` is bfloat16 where the hardware computes it fast, else float32. ``bf16``
            means mixed precision.
        start_from: A model whose weights the network starts with: the folder of its bundle,
            relative to the configuration file, or its installed name. Its width, kernel size and
            branches must be the same. Random weights where left out.
        initial_background: Probability of background that random weights start with, see
            :func:`amcnet.networks.prior.expect_background`; about the same for all classes where
            left out.
        preprocessing: What is done to each volume. A prepared data set brings its own; a raw one
            of the hand has the paper's where left out.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    licence: str = ""
    seed: Seed = 0
    precision: Precision = "auto"
    start_from: str | None = None
    initial_background: float | None = Field(None, gt=0, lt=1)
    data: DataConfig
    preprocessing: Preprocessing | None = None
    network: Architecture = Field(Architecture(), validate_default=True)
    loss: LossConfig = LossConfig()
    sampling: SamplingConfig = SamplingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig
    hardware: HardwareConfig = HardwareConfig()

    @model_validator(mode="after")
    def _one_start(self) -> "TrainingConfig":
        if self.start_from is not None and self.initial_background is not None:
            raise ValueError("found start_from and initial_background, expected one of them")
        return self

    @field_validator("network")
    @classmethod
    def _complete_network(cls, network: Architecture) -> Architecture:
        require_extra("train", "a training configuration")
        from amcnet.networks.registry import complete

        return complete(network)

    @model_validator(mode="after")
    def _supervises_stages(self) -> "TrainingConfig":
        from amcnet.networks.registry import find_spec

        if self.loss.deep_supervision and not find_spec(self.network.name).supervises_stages:
            raise ValueError(
                f"found loss.deep_supervision with the network '{self.network.name}', expected it "
                "with 'amcnet' or another network whose decoder stages can have a loss (networks "
                "with several outputs always learn from all of them)"
            )
        return self
