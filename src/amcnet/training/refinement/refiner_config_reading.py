"""Read the configuration of a refiner's training."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from amcnet.errors import ConfigError, InputError
from amcnet.io.small_files import read_json, read_toml
from amcnet.training.config_reading import CONFIG_FILE, RUN_CONFIG_FILE, first_problem
from amcnet.training.refinement.refiner_config import RefinementConfig

REFINER_CONFIG_FILE = "refiner.toml"
"""Written by ``amcnet prepare`` if the model has a refiner for these structures."""

_KEY = "refine"  # a key of no other training configuration


def is_refinement(path: Path) -> bool:
    """Return whether a path leads to the configuration of a refiner's training.

    Args:
        path: A TOML file, a folder with a ``config.toml``, or a run folder.
    """
    try:
        return _KEY in _values(path)
    except InputError:  # the next reader reports the error
        return False


def read_refinement_config(path: Path) -> RefinementConfig:
    """Read a configuration; paths in it are resolved relative to the file's folder.

    Args:
        path: A TOML file, a folder with a ``config.toml``, or a run folder.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not allowed.
    """
    try:
        values = _values(path)
    except InputError as error:
        raise ConfigError(str(error)) from error
    try:
        config = RefinementConfig.model_validate(values)
    except ValidationError as error:
        problem = first_problem(error, values, RefinementConfig)
        raise ConfigError(f"{path}: {problem}") from error
    if (path / RUN_CONFIG_FILE).is_file():
        return config
    folder = path if path.is_dir() else path.parent
    dataset = (folder / config.data.dataset).resolve()
    data = config.data.model_copy(update={"dataset": dataset})
    refine = config.refine
    if (folder / refine).exists():
        refine = str((folder / refine).resolve())
    return config.model_copy(update={"data": data, "refine": refine})


def _values(path: Path) -> dict[str, Any]:
    """Return the values of a configuration file.

    Raises:
        InputError: If there is no such file, or it is damaged.
    """
    if (path / RUN_CONFIG_FILE).is_file():
        values = read_json(path / RUN_CONFIG_FILE, "the run's configuration")
        return values if isinstance(values, dict) else {}
    if path.is_dir():
        path = path / CONFIG_FILE
    return read_toml(path, "a training configuration (TOML)")
