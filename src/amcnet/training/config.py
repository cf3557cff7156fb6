"""The training configuration: one TOML file, every value checked."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from amcnet.data.augmentation import Augmentation
from amcnet.data.preprocessing import Preprocessing
from amcnet.errors import ConfigError
from amcnet.losses_config import LossConfig
from amcnet.networks import Architecture


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataConfig(_Section):
    """Which cases are trained on.

    Attributes:
        dataset: Folder in the nnU-Net raw layout, relative to the configuration file.
        validation_fraction: Share of the cases that is held out, chosen by the seed.
        description: What the data are, in words; the model's users read it.
    """

    dataset: Path
    validation_fraction: float = Field(0.25, ge=0, lt=1)
    description: str


class SamplingConfig(_Section):
    """Training windows.

    Attributes:
        window: Slices of a window.
        foreground_probability: Share of windows that are put on a random structure.
    """

    window: PositiveInt = 16
    foreground_probability: float = Field(0.8, ge=0, le=1)


class OptimiserConfig(_Section):
    """Adam with a linear warm-up and a cosine decay to zero.

    Attributes:
        learning_rate: Highest rate.
        warmup_steps: Steps until it is reached.
        batch_size: Windows per step.
        clip_norm: Gradients are scaled down to this norm.
    """

    learning_rate: float = Field(3e-3, gt=0)
    warmup_steps: int = Field(100, ge=0)
    batch_size: PositiveInt = 1
    clip_norm: float = Field(1.0, gt=0)


class ScheduleConfig(_Section):
    """How long, and how often something is checked or saved.

    Attributes:
        steps: Optimiser steps in all.
        steps_per_epoch: Steps between two validations and checkpoints.
        validation_windows: Windows of each held-out case that are looked at.
        max_hours: Wall-clock limit of the whole run; the rate then decays in time for it.
    """

    steps: PositiveInt
    steps_per_epoch: PositiveInt = 250
    validation_windows: PositiveInt = 4
    max_hours: float | None = Field(None, gt=0)


class TrainingConfig(_Section):
    """Everything that decides a training run.

    Attributes:
        name: Name of the model.
        start_from: Folder of a model bundle whose weights the network starts with, relative to the
            configuration file; its architecture must be the same. Random weights where left out.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = Field(0, ge=0)
    precision: Literal["bf16", "float32"] = "bf16"
    start_from: Path | None = None
    data: DataConfig
    preprocessing: Preprocessing = Preprocessing()
    network: Architecture = Architecture()
    loss: LossConfig = LossConfig()
    sampling: SamplingConfig = SamplingConfig()
    augmentation: Augmentation = Augmentation()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig


def read_config(path: Path) -> TrainingConfig:
    """Read a TOML configuration; the paths in it become relative to the file's folder.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not allowed.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, expected a training configuration (TOML)")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        config = TrainingConfig.model_validate(values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid TOML ({error})") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}") from error
    dataset = path.parent / config.data.dataset
    start = None if config.start_from is None else path.parent / config.start_from
    data = config.data.model_copy(update={"dataset": dataset})
    return config.model_copy(update={"data": data, "start_from": start})


def _first_problem(error: ValidationError) -> str:
    """Describe the first problem: the key, what was found and what is allowed."""
    problem = error.errors()[0]
    keys = [str(part) for part in problem["loc"]]
    key = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        nearest = get_close_matches(keys[-1], known, n=1, cutoff=0)
        return f"unknown key '{key}', expected one of {', '.join(known)}; nearest: {nearest[0]}"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    return f"{key} = {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _known_keys(section: list[str]) -> list[str]:
    model: type[BaseModel] = TrainingConfig
    for key in section:
        annotation = model.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return list(model.model_fields)
