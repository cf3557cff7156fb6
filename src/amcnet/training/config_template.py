"""The training configuration that ``amcnet prepare`` writes: short, with explanations."""

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from amcnet.networks import Architecture
from amcnet.training.start_plan import TrainingRecipe

_CHECKSUM = "# Written by amcnet prepare, which overwrites it only if it is unedited: "


@dataclass(frozen=True)
class TemplateValues:
    """Values of a configuration.

    Attributes:
        name: Name of the model.
        seed: Seed of the windows and their augmentation.
        start_from: Model to fine-tune, if any.
        description: Description of the data.
        network: The network.
        window: Slices of a window.
        recipe: How the network is trained.
        reasons: Reasons for the grid, window and network.
        max_hours: Time limit of the training; None for no limit.
    """

    name: str
    seed: int
    start_from: str | None
    description: str
    network: Architecture
    window: int
    recipe: TrainingRecipe
    reasons: tuple[str, ...]
    max_hours: float | None = None


def config_text(values: TemplateValues) -> str:
    """Return a training configuration as TOML."""
    network, recipe = values.network, values.recipe
    lines = [
        "# Training configuration. All keys, and what they mean: docs/training.md.",
        *(f"# - {comment_text(reason)}" for reason in values.reasons),
        f"name = {_text(values.name)}",
        f"seed = {values.seed}",
        "# bf16 if the hardware computes it fast, else float32; a run reports which and why.",
        'precision = "auto"',
        '# Licence of the trained model, such as "CC-BY-4.0"; empty: not stated.',
        'licence = ""',
        *([f"start_from = {_text(values.start_from)}"] if values.start_from else []),
        "",
        "[data]",
        'dataset = "."',
        "# Printed with every result of the model: state what its users must know.",
        f"description = {_text(values.description)}",
        *([] if recipe.holds_out else ['fold = "all"  # no case is held out']),
        "",
        "[network]",
        *(
            f"{key} = {toml_value(value)}"
            for key, value in network.model_dump(exclude_none=True).items()
        ),
        "",
        "[loss]",
        "gamma = 4.0",
        "cross_entropy = 1.0",
        "",
        "[sampling]",
        f"window = {values.window}",
        *([f"crop_probability = {recipe.crop_probability}"] if recipe.crop_probability else []),
        "",
        "[augmentation]",
        *_augmentation(recipe),
        "",
        "[optimiser]",
        f"learning_rate = {recipe.learning_rate}",
        "",
        "[schedule]",
        "# The run ends after these steps or this time, whichever comes first.",
        f"steps = {recipe.steps}",
        f"max_hours = {float(values.max_hours or recipe.max_hours)}",
        "",
    ]
    return "\n".join(lines)


def with_checksum(text: str) -> str:
    """Append the line by which :func:`is_edited` detects later changes.

    >>> is_edited(with_checksum("seed = 0\\n")), is_edited("seed = 0\\n")
    (False, True)
    """
    return f"{text}{_CHECKSUM}{_checksum(text)}\n"


def is_edited(text: str) -> bool:
    """Return whether a configuration differs from what :func:`with_checksum` returned."""
    body, found, checksum = text.rpartition(_CHECKSUM)
    return not found or checksum.strip() != _checksum(body)


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _augmentation(recipe: TrainingRecipe) -> list[str]:
    lines = [
        "# Mirror only axes along which a mirrored body part keeps the names of its structures."
    ]
    if recipe.mirror_axes:
        lines.append(f"mirror_axes = {json.dumps(recipe.mirror_axes)}")
    else:
        lines.append("mirror_probability = 0.0")
    if recipe.is_ultrasound:
        return lines
    return [
        *lines,
        "# Both imitate ultrasound: delete these two lines if the images are ultrasound.",
        "speckle = 0.0",
        "shadow_probability = 0.0",
    ]


def comment_text(text: str) -> str:
    """Return a text for a comment, without line breaks from file names."""
    return "".join(c if c.isprintable() else " " for c in text)


def toml_value(value: Any) -> str:  # noqa: ANN401
    """Format a text, a number or a list as TOML."""
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """Quote a text as TOML, whose strings differ from JSON's in two details."""
    readable = value.encode("utf-8", "replace").decode()  # file names may contain other bytes
    return json.dumps(readable, ensure_ascii=False).replace("\x7f", "\\u007f")
