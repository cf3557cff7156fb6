from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, Reading, write_image
from tools.axes_picture import STORAGES, Storage, draw

SPACING_MM = (2.0, 1.5, 0.5)


@pytest.mark.parametrize("storage", STORAGES, ids=lambda storage: storage.title)
def test_the_option_of_a_panel_reads_what_it_shows(storage: Storage, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 30)).astype(np.uint8)
    stored = storage.stored(image)
    z, y, x = storage.spacing_mm(SPACING_MM)
    # A file whose x, y, z are those of the array: that of a canonical volume.
    write_image(tmp_path / "a.nrrd", stored, Geometry.canonical(stored.shape, (z, y, x)))
    volume = Reading(axes=storage.axes).volume(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, image)
    assert volume.spacing_mm == pytest.approx(SPACING_MM)


def test_every_panel_has_true_proportions() -> None:
    figure = draw(np.zeros((40, 50, 30), np.uint8), SPACING_MM)
    assert len(figure.axes) == len(STORAGES)
    for axes in figure.axes:
        assert axes.get_aspect() in ("equal", 1.0)
