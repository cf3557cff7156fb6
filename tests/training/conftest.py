"""A configuration for the blocks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import BLOCKS_SHAPE as SHAPE
from ..conftest import BLOCKS_SPACING_MM as SPACING_MM
from ..conftest import BLOCKS_TABLE as TABLE

__all__ = ["SHAPE", "SPACING_MM", "TABLE"]

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
