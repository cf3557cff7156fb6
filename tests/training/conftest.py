"""A data set that is not the hand: two bright blocks at anisotropic spacing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable
from amcnet.io import Geometry, write_image, write_labels

TABLE = LabelTable.from_names(["left block", "right block"])
SHAPE, SPACING_MM = (20, 24, 20), (1.0, 1.5, 1.0)

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


@pytest.fixture(scope="session")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set in the nnU-Net raw layout."""
    folder = tmp_path_factory.mktemp("data") / "blocks"
    rng = np.random.default_rng(0)
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for case in range(4):
        labels = np.zeros(SHAPE, np.uint8)
        shift = rng.integers(0, 5)
        labels[4:16, 3 + shift : 9 + shift, 5:12] = 1
        labels[4:16, 14 + shift : 19 + shift, 8:15] = 2
        image = (labels > 0) * 120 + rng.integers(0, 60, SHAPE)
        write_image(folder / "imagesTr" / f"b{case}_0000.nrrd", image.astype(np.uint8), geometry)
        write_labels(folder / "labelsTr" / f"b{case}.nrrd", labels, geometry, TABLE)
    names = {"background": 0, "left block": 1, "right block": 2}
    description = {"labels": names, "file_ending": ".nrrd"}
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


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
