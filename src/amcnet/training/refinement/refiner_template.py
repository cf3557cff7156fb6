"""The configuration that ``amcnet prepare --from`` writes for further training of a refiner."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amcnet.bundle.description import RefinerDescription
from amcnet.training.config_template import comment_text, toml_value
from amcnet.training.refinement.refiner_config import PatchConfig
from amcnet.training.transforms.settings import AugmentationConfig

LEARNING_RATE = 0.001  # half of that of a training from random weights
STEPS = 10_000


@dataclass(frozen=True)
class RefinerTemplateValues:
    """Values of a configuration.

    Attributes:
        name: Name of the run.
        seed: Seed of the split and the patches.
        model: Folder of the model whose refiner is trained further.
        refiner: That refiner.
        dataset: Folder of the data set, as the user has it.
        description: Description of the data.
        holds_out: Whether cases are held out.
        reasons: Remarks for the head of the file.
        max_hours: Time limit of the training.
    """

    name: str
    seed: int
    model: Path
    refiner: RefinerDescription
    dataset: Path
    description: str
    holds_out: bool
    reasons: tuple[str, ...]
    max_hours: float


def refiner_config_text(values: RefinerTemplateValues) -> str:
    """Return the configuration of a refiner's training as TOML.

    Patches and augmentation are those of the refiner's own training, if they are known.
    """
    before = values.refiner.provenance.configuration
    patches = before.get("patches") or PatchConfig().model_dump()
    augmentation = before.get("augmentation") or AugmentationConfig().model_dump(mode="json")
    top = {
        "name": values.name,
        "seed": values.seed,
        "refine": str(values.model),
        "start_from_refiner": True,
        "spacing_mm": values.refiner.spacing_mm,
        "widths": values.refiner.architecture.widths,
    }
    data: dict[str, Any] = {"dataset": str(values.dataset), "description": values.description}
    if not values.holds_out:
        data["fold"] = "all"
    sections = {
        "data": data,
        "patches": patches | {"shape": values.refiner.patch},
        "augmentation": augmentation,
        "optimiser": {"learning_rate": LEARNING_RATE, "warmup_steps": 30, "batch_size": 2},
        "schedule": {
            "steps": STEPS,
            "steps_per_epoch": 300,
            "checkpoint_steps": 50,
            "validation_windows": 12,
            "max_hours": values.max_hours,
        },
    }
    lines = [
        "# Trains the second stage (refiner) of a model further: docs/own-data.md.",
        *(f"# - {comment_text(reason)}" for reason in values.reasons),
        *_lines(top),
    ]
    for title, section in sections.items():
        lines += ["", f"[{title}]", *_lines(section)]
    return "\n".join(lines) + "\n"


def _lines(section: dict[str, Any]) -> list[str]:
    return [f"{key} = {toml_value(value)}" for key, value in section.items() if value is not None]
