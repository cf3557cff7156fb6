from pathlib import Path

import numpy as np
import pytest

from amcnet.io import Geometry, doubtful_spacing, read_geometry, write_image

HAND = (609, 1023, 512)
SPACING_MM = np.array((0.279, 0.130, 0.088))


@pytest.mark.parametrize(
    ("spacing_mm", "said"),
    [
        (SPACING_MM, None),
        (SPACING_MM * 0.6, None),  # a small child
        ((1, 1, 1), "as if none were stated, and the volume measures 609 x 1023 x 512 mm"),
        (SPACING_MM / 10, "as if they were in cm"),
        (SPACING_MM / 1000, "as if they were in m:"),
        (SPACING_MM * 1000, "as if they were in um"),
        (SPACING_MM * 10, "as if they were in another unit"),
    ],
)
def test_spacings_of_a_hand(spacing_mm: tuple[float, float, float], said: str | None) -> None:
    doubt = doubtful_spacing(Geometry.canonical(HAND, spacing_mm))
    if said is None:
        assert doubt is None
    else:
        assert doubt is not None
        assert said in doubt
        assert "--spacing SCAN,LATERAL,DEPTH" in doubt


@pytest.mark.parametrize("extension", [".nrrd", ".mha", ".nii.gz"])
def test_files_without_a_voxel_size(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    write_image(path, np.zeros((9, 8, 7), np.uint8), Geometry.canonical((9, 8, 7), (1, 1, 1)))
    assert doubtful_spacing(read_geometry(path)) is not None
    assert read_geometry(path, spacing_mm=(0.5, 0.4, 0.3)).canonical_spacing_mm == (0.5, 0.4, 0.3)
