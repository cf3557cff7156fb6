"""A configuration for the blocks."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import BLOCKS_SHAPE as SHAPE
from ..conftest import BLOCKS_SPACING_MM as SPACING_MM
from ..conftest import BLOCKS_TABLE as TABLE

__all__ = ["SHAPE", "SPACING_MM", "TABLE", "read_history"]

CONFIG = """
name = "blocks"
precision = "float32"
[data]
dataset = "blocks"
description = "blocks"
[preprocessing]
spacing_mm = [1.0, 1.5, 1.0]
[network]
num_classes = 3
width = 4
[sampling]
window = 8
[augmentation]
mirror_probability = 0.0
[optimiser]
learning_rate = 0.01
warmup_steps = 5
{optimiser}
[schedule]
steps = {steps}
steps_per_epoch = 10
checkpoint_steps = 3
"""


@pytest.fixture
def write_config(tmp_path: Path, blocks: Path) -> Callable[..., Path]:
    """Write a configuration for the blocks; texts are replaced as told."""

    def write(steps: int, replace: dict[str, str] | None = None, optimiser: str = "") -> Path:
        text = CONFIG.format(steps=steps, optimiser=optimiser)
        for old, new in {
            '"blocks"\ndesc': f'"{blocks.as_posix()}"\ndesc',
            **(replace or {}),
        }.items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "blocks.toml"
        path.write_text(text)
        return path

    return write


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the rows of a run's metrics.csv; figures that an epoch lacks are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
