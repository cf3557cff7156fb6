import json
from pathlib import Path

import numpy as np
import pytest

from amcnet.data import Preprocessing, read_dataset
from amcnet.data.preparation import prepare_dataset
from amcnet.errors import InputError
from amcnet.io import Geometry, write_image


def test_channels_on_different_grids_are_refused_without_a_check_too(tmp_path: Path) -> None:
    data = tmp_path / "two"
    (data / "imagesTr").mkdir(parents=True)
    (data / "labelsTr").mkdir()
    geometries = [Geometry.canonical((6, 8, 7 + channel), (1, 1, 1)) for channel in range(2)]
    for channel, geometry in enumerate(geometries):
        image = np.arange(np.prod(geometry.canonical_shape), dtype=np.int16)
        path = data / "imagesTr" / f"a_{channel:04d}.nrrd"
        write_image(path, image.reshape(geometry.canonical_shape), geometry)
    write_image(data / "labelsTr" / "a.nrrd", np.ones((6, 8, 7), np.uint8), geometries[0])
    names = {"labels": {"background": 0, "all": 1}, "file_ending": ".nrrd"}
    (data / "dataset.json").write_text(json.dumps(names))
    dataset = read_dataset(data)
    with pytest.raises(InputError, match=r"a_0001\.nrrd: does not lie on the grid of"):
        prepare_dataset(dataset, Preprocessing(spacing_mm=(1, 1, 1)), tmp_path / "out")
