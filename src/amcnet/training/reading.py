"""Reading a training configuration: one TOML file, every value checked."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from amcnet.errors import ConfigError
from amcnet.training.config import TrainingConfig

CONFIG_FILE = "config.toml"
RUN_CONFIG_FILE = "config.json"


def read_config(path: Path) -> TrainingConfig:
    """Read a configuration; the paths in it become relative to the file's folder.

    Args:
        path: A TOML file, a folder that holds a ``config.toml``, or the folder of a run.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not allowed.
    """
    if (path / RUN_CONFIG_FILE).is_file():
        return read_run_config(path)
    if path.is_dir():
        path = path / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(f"{path}: is missing, expected a training configuration (TOML)")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        config = TrainingConfig.model_validate(values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no valid TOML ({error})") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}") from error
    dataset = (path.parent / config.data.dataset).resolve()
    data = config.data.model_copy(update={"dataset": dataset})
    start = config.start_from
    if start is not None and (path.parent / start).exists():
        start = str((path.parent / start).resolve())
    return config.model_copy(update={"data": data, "start_from": start})


def read_run_config(folder: Path) -> TrainingConfig:
    """Read the configuration that a run was started with.

    Raises:
        ConfigError: If the file cannot be read.
    """
    path = folder / RUN_CONFIG_FILE
    try:
        return TrainingConfig.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{path}: cannot be read, expected the run's configuration") from error


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
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], dict):  # a whole section: the message names its keys
        return f"{key}: {message}"
    return f"{key} = {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _known_keys(section: list[str]) -> list[str]:
    model: type[BaseModel] = TrainingConfig
    for key in section:
        field = model.model_fields.get(key)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    """Return the model that an annotation is, or that it allows beside None."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
