"""Files as other programs write them: SimpleITK for volumes, slicerio for 3D Slicer's."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import slicerio


@pytest.fixture(scope="session")
def write_volume() -> Callable[..., Path]:
    def write(
        path: Path,
        array: np.ndarray,
        spacing_mm: Sequence[float] = (0.5, 0.25, 0.125),
        origin_mm: Sequence[float] = (0.0, 0.0, 0.0),
        direction: Sequence[float] | None = None,
    ) -> Path:
        """Write an array (scan, lateral, depth) with its spacing in the same order."""
        path.parent.mkdir(parents=True, exist_ok=True)
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing_mm[::-1])
        image.SetOrigin(origin_mm)
        if direction is not None:
            image.SetDirection(direction)
        sitk.WriteImage(image, str(path))
        return path

    return write


@pytest.fixture(scope="session")
def write_segmentation() -> Callable[..., Path]:
    def write(
        path: Path,
        array: np.ndarray,
        segments: dict[str, int],
        spacing_mm: Sequence[float] = (0.5, 0.25, 0.125),
        start: Sequence[int] = (0, 0, 0),
    ) -> Path:
        """Write labels (scan, lateral, depth) whose first voxel is voxel ``start`` of an image."""
        path.parent.mkdir(parents=True, exist_ok=True)
        ijk_to_lps = np.diag([*spacing_mm[::-1], 1.0])
        ijk_to_lps[:3, 3] = np.multiply(start, spacing_mm)[::-1]
        rows = [
            {
                "name": name,
                "labelValue": value,
                "layer": 0,
                "terminology": {
                    "category": ["SCT", "123037004", "Anatomical Structure"],
                    "type": ["SCT", "85756007", "Tissue"],
                },
            }
            for name, value in segments.items()
        ]
        segmentation = {"voxels": array.T, "ijkToLPS": ijk_to_lps, "segments": rows}
        slicerio.write_segmentation(str(path), segmentation)
        return path

    return write
