from pathlib import Path

import numpy as np
import pytest

from amcnet.errors import OutputError
from amcnet.io import (
    GRID_EXTENSIONS,
    LABEL_EXTENSIONS,
    Geometry,
    check_output,
    read_volume,
    write_image,
)


def test_check_output(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"hand\.png: .*\.seg\.nrrd \.nrrd \.nii\.gz \.nii \.mha"):
        check_output(tmp_path / "hand.png", extensions=LABEL_EXTENSIONS)
    with pytest.raises(OutputError, match=r"folder .* does not exist"):
        check_output(tmp_path / "missing" / "hand.mha")
    path = tmp_path / "hand.mha"
    assert check_output(str(path)) == path
    path.write_text("old")
    with pytest.raises(OutputError, match="--overwrite"):
        check_output(path)
    assert check_output(path, overwrite=True) == path
    folder = tmp_path / "folder.mha"
    folder.mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(folder, overwrite=True)


@pytest.mark.parametrize("extension", GRID_EXTENSIONS)
def test_images_round_trip(tmp_path: Path, extension: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 6)).astype(np.uint8)
    geometry = Geometry.canonical((4, 5, 6), (0.3, 0.2, 0.1))
    path = tmp_path / f"hand{extension}"
    write_image(path, image, geometry)
    volume = read_volume(path)
    assert np.array_equal(volume.array, image)
    np.testing.assert_allclose(volume.spacing_mm, (0.3, 0.2, 0.1), rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
