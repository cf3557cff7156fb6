"""Read a training configuration: one TOML file, every value checked."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from amcnet.errors import ConfigError, InputError
from amcnet.io.small_files import read_json, read_toml
from amcnet.networks import Architecture
from amcnet.training.renamed_keys import with_current_names
from amcnet.training.training_config import TrainingConfig

CONFIG_FILE = "config.toml"
RUN_CONFIG_FILE = "config.json"


def read_config(path: Path) -> TrainingConfig:
    """Read a configuration; paths in it are resolved relative to the file's folder.

    Args:
        path: A TOML file, a folder with a ``config.toml``, or a run folder.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not allowed.

    Example:
        >>> text = ["[data]", 'dataset = "scans"', 'description = "ten knees"']
        >>> text = ['name = "knees"', *text, "[schedule]", "steps = 1000"]
        >>> _ = Path("knees.toml").write_text("\\n".join(text))
        >>> config = read_config(Path("knees.toml"))
        >>> config.schedule.steps, config.data.dataset == Path("scans").resolve()
        (1000, True)
    """
    if (path / RUN_CONFIG_FILE).is_file():
        return read_run_config(path)
    if path.is_dir():
        path = path / CONFIG_FILE
    try:
        values = read_toml(path, "a training configuration (TOML)")
        config = TrainingConfig.model_validate(with_current_names(values, warn=True))
    except InputError as error:
        raise ConfigError(str(error)) from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error, values, TrainingConfig)}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    dataset = (path.parent / config.data.dataset).resolve()
    data = config.data.model_copy(update={"dataset": dataset})
    start = config.start_from
    if start is not None and (path.parent / start).exists():
        start = str((path.parent / start).resolve())
    return config.model_copy(update={"data": data, "start_from": start})


def read_run_config(folder: Path) -> TrainingConfig:
    """Read the configuration with which a run was started.

    Raises:
        ConfigError: If the file cannot be read.
    """
    path = folder / RUN_CONFIG_FILE
    try:
        return TrainingConfig.model_validate_json(
            json.dumps(with_current_names(read_json(path, "the run's configuration")))
        )
    except (InputError, ValueError, TypeError, AttributeError, ConfigError) as error:
        raise ConfigError(f"{path}: cannot be read, expected the run's configuration") from error


def first_problem(error: ValidationError, values: dict[str, Any], config: type[BaseModel]) -> str:
    """Describe the first problem of a configuration: the key, the value found, the values allowed.

    Args:
        error: The error from pydantic.
        values: The configuration.
        config: The pydantic model that it was checked against.
    """
    problems = _flat_problems(error)
    keys = _keys(problems[0])
    # A union reports problems for each of its types: report those of the closest type.
    problems = [problem for problem in problems if _keys(problem)[: len(keys)] == keys]
    depth = max(len(problem["loc"]) for problem in problems)
    problems = [problem for problem in problems if len(problem["loc"]) == depth]
    keys, problem = _keys(problems[0]), problems[0]
    key = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1], values, config)
        nearest = get_close_matches(keys[-1], known, n=1, cutoff=0)
        return f"unknown key '{key}', expected one of {', '.join(known)}; nearest: {nearest[0]}"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    messages = [p["msg"].removeprefix("Value error, ") for p in problems if _keys(p) == keys]
    text = " or ".join(f"{message[0].lower()}{message[1:]}" for message in messages)
    if not keys or isinstance(problem["input"], dict):  # a section: the message lists its keys
        return f"{key}: {text}" if keys else text
    return f"{key} = {problem['input']!r}: {text}"


def _keys(problem: ErrorDetails) -> list[str]:
    """Return the keys of a problem's location without the type names that pydantic inserts."""
    if not problem["loc"]:  # a rule that involves several sections
        return []
    *parts, last = (str(part) for part in problem["loc"])
    is_key = problem["type"] == "extra_forbidden" or last.isidentifier() or last.isdecimal()
    keys = [part for part in parts if part.isidentifier() or part.isdecimal()]
    return [*keys, last] if is_key else keys


def _flat_problems(error: ValidationError) -> list[ErrorDetails]:
    """Return all problems; those of network options with their full path."""
    problems: list[ErrorDetails] = []
    for problem in error.errors():
        inner = problem.get("ctx", {}).get("error")
        if isinstance(inner, ValidationError):
            place = problem["loc"]
            problems += [{**p, "loc": (*place, *p["loc"])} for p in inner.errors()]
        else:
            problems.append(problem)
    return problems


def _known_keys(section: list[str], values: dict[str, Any], config: type[BaseModel]) -> list[str]:
    if section == ["network"]:
        from amcnet.networks.registry import find_spec

        options = find_spec(values["network"].get("name", "amcnet")).options
        return [*Architecture.model_fields, *options.model_fields]
    model = config
    for key in section:
        field = model.model_fields.get(key)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    """Return the pydantic model of an annotation, also if it is optional."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
