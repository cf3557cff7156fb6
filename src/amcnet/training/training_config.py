"""The training configuration."""

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
    """Data and split.

    Attributes:
        dataset: Folder of a prepared data set (``amcnet prepare``), or of a raw one, which is
            prepared in the run folder. Relative to the configuration file.
        description: Description of the data, for users of the model.
        validation_fraction: Share of held-out cases, chosen by the seed. Without it and ``folds``,
            the data set's ``splits_final.json`` applies, or else 0.25.
        folds: Number of folds of a cross-validation, assigned by the seed.
        fold: The held-out fold; ``all`` trains on every case.
    """

    dataset: Path
    description: str
    validation_fraction: float | None = Field(None, ge=0, lt=1)
    folds: int | None = Field(None, ge=2)
    fold: Annotated[int, Field(ge=0)] | Literal["all"] = 0

    @model_validator(mode="after")
    def _one_rule(self) -> "DataConfig":
        if self.folds is not None and self.validation_fraction is not None:
            raise ValueError("found folds and validation_fraction, expected only one of them")
        if self.folds is not None and self.fold != "all" and self.fold >= self.folds:
            raise ValueError(f"found fold {self.fold}, expected 0 to {self.folds - 1}, or 'all'")
        return self


class SamplingConfig(_Section):
    """Training windows.

    Attributes:
        window: Slices of a window.
        foreground_probability: Share of windows that are placed on labelled slices.
        centre: ``structure`` centres these windows on a structure, each with the same probability;
            ``foreground`` on any labelled slice.
        crop_probability: Share of windows that are cropped to a random box.
        smallest_crop: Smallest size of the box, as a share of each axis.
    """

    window: PositiveInt = 16
    foreground_probability: float = Field(0.8, ge=0, le=1)
    centre: Centre = "structure"
    crop_probability: float = Field(0.0, ge=0, le=1)
    smallest_crop: float = Field(0.6, gt=0, le=1)

    @property
    def shortest_window(self) -> int | None:
        """Slices of the shortest windows; None if all have the same number."""
        if not self.crop_probability:
            return None
        return max(1, round(self.smallest_crop * self.window))


class OptimiserConfig(_Section):
    """Adam with a linear warm-up and a decay.

    Attributes:
        learning_rate: Highest learning rate.
        beta1: Decay of Adam's running mean of the gradient.
        warmup_steps: Steps until the highest rate is reached, but at most a tenth of the run.
        decay: Decay of the learning rate over the run: ``cosine`` to zero, ``polynomial`` (power
            0.9) to zero, none (``constant``), or ``plateau``: none until the Dice of the held-out
            windows is flat, then to zero, which ends the run; see
            :mod:`amcnet.training.learning_rate`.
        batch_size: Windows per step on each device.
        accumulate: Batches whose gradients are averaged into one step.
        clip_norm: Largest norm of the gradients, which are scaled down to it; 0 for no limit.
    """

    learning_rate: float = Field(3e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    warmup_steps: int = Field(100, ge=0)
    decay: Literal["cosine", "polynomial", "constant", "plateau"] = "cosine"
    batch_size: PositiveInt = 1
    accumulate: PositiveInt = 1
    clip_norm: float = Field(1.0, ge=0)


class ScheduleConfig(_Section):
    """Length of the run, and intervals of validation and checkpoints.

    Attributes:
        steps: Number of optimiser steps.
        steps_per_epoch: Steps between two validations.
        checkpoint_steps: Steps between checkpoints within an epoch; each epoch also ends with one.
            A resumed run repeats the steps after the last checkpoint.
        validation_windows: Windows of each held-out case that are evaluated.
        max_hours: Wall-clock limit of the whole run; the learning rate then decays within it.
        patience: The run ends early if the Dice of the held-out windows has not risen for this many
            epochs.
        keep: Weights of the model: those of the ``last`` step, or the ``best`` ones on the held-out
            windows.
    """

    steps: PositiveInt
    steps_per_epoch: PositiveInt = 250
    checkpoint_steps: PositiveInt = 100
    validation_windows: PositiveInt = 4
    max_hours: float | None = Field(None, gt=0)
    patience: PositiveInt | None = None
    keep: Literal["last", "best"] = "last"


class HardwareConfig(_Section):
    """Devices and machines of a run.

    Attributes:
        accelerator: ``auto`` uses CUDA GPUs if there are any.
        devices: Devices of each machine; ``auto`` takes all GPUs, or one CPU process.
        nodes: Number of machines; start the command on each, see Lightning's cluster guide.
        workers: Processes per device that read windows in the background; by default none for a CPU
            and four for a GPU.
        deterministic: Use only deterministic algorithms if available (a GPU lacks some).
    """

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: PositiveInt | Literal["auto"] = "auto"
    nodes: PositiveInt = 1
    workers: int | None = Field(None, ge=0)
    deterministic: bool = False


Seed = Annotated[int, Field(ge=0, lt=2**32)]  # valid for both NumPy and PyTorch


class TrainingConfig(_Section):
    """Everything that determines a training run.

    Attributes:
        name: Name of the model.
        licence: Licence of the resulting model, preferably an SPDX identifier; empty for none.
        seed: Seed of the weights, the split and the training windows.
        precision: ``auto`` is bfloat16 if the hardware computes it fast, else float32. ``bf16``
            means mixed precision.
        start_from: Model whose weights initialise the network: the folder of its bundle, relative
            to the configuration file, or its installed name. Width, kernel size and branches must
            be equal. None for random weights.
        initial_background: Initial probability of background with random weights, see
            :func:`amcnet.networks.prior.expect_background`; None for about equal probabilities of
            all classes.
        data: Data set and split.
        preprocessing: Preprocessing of the volumes. A prepared data set has its own; the default
            for raw data of the hand is the paper's.
        network: The network and its options.
        loss: The loss.
        sampling: Choice of the training windows.
        augmentation: Random transforms of the windows.
        optimiser: Learning rate, batch size and gradient clipping.
        schedule: Length of the run, validation and checkpoints.
        hardware: Devices and machines.

    Raises:
        pydantic.ValidationError: If a value is not allowed; :func:`read_config` raises a
            ``ConfigError`` instead.

    Example:
        >>> from amcnet.networks import Architecture
        >>> config = TrainingConfig(
        ...     name="knees",
        ...     data={"dataset": "knees", "description": "ten knees"},
        ...     schedule={"steps": 1000},
        ...     network=Architecture(name="unet3d", num_classes=3),
        ... )
        >>> config.network.width, config.schedule.steps
        (32, 1000)
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
            raise ValueError("found start_from and initial_background, expected only one of them")
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
                f"found loss.deep_supervision with the network '{self.network.name}', expected "
                "it with 'amcnet' or another network whose decoder stages can have a loss "
                "(networks with several outputs are always trained on all of them)"
            )
        return self
