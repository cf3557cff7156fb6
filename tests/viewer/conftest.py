from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from amcnet.anatomy import hand_label_table
from amcnet.io import Geometry, write_image, write_labels
from amcnet.phantom import PhantomConfig, PhantomGrid
from amcnet.phantom.phantom import draw_phantom
from amcnet.phantom.tissue import Voxeliser
from amcnet.viewer import ViewerScene, read_scene

MISSING = 17
SHAPE, SPACING_MM = (76, 64, 43), (2.236, 2.078, 1.056)


@dataclass(frozen=True, eq=False)
class Case:
    """A drawn hand with one bone taken out, in files that are turned and have other axes.

    ``voxels`` are the labels in (scan, lateral, depth).
    """

    volume: Path
    labels: Path
    voxels: np.ndarray


def turned_geometry() -> Geometry:
    """Return a grid whose file axes are (-lateral, scan, depth), turned about all three axes."""
    turn = np.array(sitk.Euler3DTransform((0, 0, 0), 0.2, -0.25, 0.3).GetMatrix()).reshape(3, 3)
    direction = turn @ np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]])
    (scan, lateral, depth), (scan_mm, lateral_mm, depth_mm) = SHAPE, SPACING_MM
    return Geometry.from_grid(
        (lateral, scan, depth),
        (lateral_mm, scan_mm, depth_mm),
        (-31.0, 12.0, 77.0),
        tuple(direction.ravel().tolist()),
    )


@pytest.fixture(scope="session")
def hand_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    grid = PhantomGrid(SHAPE, SPACING_MM)
    drawn, _ = draw_phantom(9, PhantomConfig(grid=grid, age_years=(8, 9)))
    voxels = np.array(Voxeliser(drawn, grid).slab(0, SHAPE[0]).labels)
    voxels[voxels == MISSING] = 0
    folder = tmp_path_factory.mktemp("viewer")
    geometry = turned_geometry()
    rng = np.random.default_rng(1)
    greys = np.where(voxels > 0, 30, 90) + rng.integers(0, 30, SHAPE)
    write_image(folder / "scan.nrrd", greys.astype(np.uint8), geometry)
    write_labels(folder / "scan.seg.nrrd", voxels, geometry, hand_label_table())
    return Case(folder / "scan.nrrd", folder / "scan.seg.nrrd", voxels)


@pytest.fixture(scope="session")
def hand_scene(hand_case: Case) -> ViewerScene:
    return read_scene(hand_case.volume, hand_case.labels)
