"""Override some values of a configuration for one run."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from amcnet.bundle import load_bundle
from amcnet.errors import ConfigError
from amcnet.training.training_config import TrainingConfig


@dataclass(frozen=True)
class Overrides:
    """Values that override the configuration; None keeps the configured value.

    Attributes:
        start_from: Model to start from; the network takes its width, kernel size and branches.
        fold: See :class:`amcnet.training.training_config.DataConfig`.
        max_hours: See :class:`amcnet.training.training_config.ScheduleConfig`.
        devices: See :class:`amcnet.training.training_config.HardwareConfig`.
        nodes: See :class:`amcnet.training.training_config.HardwareConfig`.
    """

    start_from: str | None = None
    fold: int | Literal["all"] | None = None
    max_hours: float | None = None
    devices: int | None = None
    nodes: int | None = None


def override(config: TrainingConfig, overrides: Overrides) -> TrainingConfig:
    """Return a configuration with some values changed.

    Raises:
        ConfigError: If a value is not allowed.
        ModelError: If the model to start from cannot be used.
    """
    values = config.model_dump()
    places: dict[str, dict[str, Any]] = {
        "fold": values["data"],
        "max_hours": values["schedule"],
        "devices": values["hardware"],
        "nodes": values["hardware"],
    }
    for name, section in places.items():
        value = getattr(overrides, name)
        if value is not None:
            section[name] = value
    if overrides.start_from is not None:
        bundle = load_bundle(overrides.start_from)
        values["start_from"] = str(bundle.folder.resolve())
        network = bundle.description.architecture.model_dump()
        own = {key: values["network"][key] for key in ("num_classes", "in_channels")}
        values["network"] = network | own
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{key}: {problem['msg'].removeprefix('Value error, ')}") from error
