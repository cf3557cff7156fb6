from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, write_image, write_labels
from amcnet.phantom import Grid, Recipe
from amcnet.phantom.phantom import draw_phantom
from amcnet.phantom.tissue import Voxeliser
from amcnet.viewer import Scene, read_scene

MISSING = 17
SHAPE, SPACING_MM = (76, 64, 43), (2.236, 2.078, 1.056)


@dataclass(frozen=True, eq=False)
class Case:
    """A drawn hand with one bone taken out, in files."""

    volume: Path
    labels: Path
    voxels: np.ndarray


@pytest.fixture(scope="session")
def hand_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    grid = Grid(SHAPE, SPACING_MM)
    drawn, _ = draw_phantom(9, Recipe(grid=grid, age_years=(8, 9)))
    voxels = np.array(Voxeliser(drawn, grid).slab(0, SHAPE[0]).labels)
    voxels[voxels == MISSING] = 0
    folder = tmp_path_factory.mktemp("viewer")
    geometry = Geometry.canonical(SHAPE, SPACING_MM)
    rng = np.random.default_rng(1)
    greys = np.where(voxels > 0, 30, 90) + rng.integers(0, 30, SHAPE)
    write_image(folder / "scan.nrrd", greys.astype(np.uint8), geometry)
    write_labels(folder / "scan.seg.nrrd", voxels, geometry, hand_label_table())
    return Case(folder / "scan.nrrd", folder / "scan.seg.nrrd", voxels)


@pytest.fixture(scope="session")
def hand_scene(hand_case: Case) -> Scene:
    return read_scene(hand_case.volume, hand_case.labels)
