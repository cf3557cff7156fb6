"""Cases whose image shows the truth, and whose first-stage labels are off."""

from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import LabelTable, Structure
from amcnet.data.prepared_store import open_case, write_prepared_case
from amcnet.training.refinement.first_stage import (
    boundary_centres,
    centres_path,
    label_path,
)
from amcnet.training.refinement.patches import RefinementCase

SHAPE = (24, 28, 32)
SPACING_MM = (0.6, 0.5, 0.4)
TABLE = LabelTable(
    (
        Structure(1, "left shaft", "bone"),
        Structure(2, "right shaft", "bone"),
        Structure(3, "cap", "epiphysis"),
    )
)


def write_refinement_case(folder: Path, name: str, seed: int) -> RefinementCase:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, 2)
    truth = np.zeros(SHAPE, np.uint8)
    truth[3:20, 3 + a : 10 + a, 6 + b : 16 + b] = 1
    truth[3:20, 17 + a : 23 + a, 6 + b : 16 + b] = 2
    truth[20:23, 4 + a : 9 + a, 7 + b : 15 + b] = 3
    levels = np.array([0.0, 1.5, 1.5, -1.5])
    image = levels[truth] + rng.normal(0, 0.2, SHAPE)
    found = np.roll(truth, (0, 2, 2), axis=(0, 1, 2))
    (folder / "first-stage").mkdir(exist_ok=True, parents=True)
    case = folder / "cases" / f"{name}.zarr"
    case.parent.mkdir(exist_ok=True)
    write_prepared_case(case, image[None].astype(np.float32), truth, TABLE.num_classes, "made")
    np.save(label_path(folder, name), found)
    np.save(centres_path(folder, name), boundary_centres(truth, found))
    return RefinementCase(open_case(case), folder)


@pytest.fixture
def cases(tmp_path: Path) -> tuple[RefinementCase, ...]:
    return tuple(write_refinement_case(tmp_path, f"c{seed}", seed) for seed in range(3))
