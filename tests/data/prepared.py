"""Prepared cases for tests, written by the package itself."""

from pathlib import Path

import numpy as np

from amcnet.data.prepared_store import PreparedCase, open_case, write_prepared_case

PLANE = (6, 5)


def numbered_case(folder: Path, slices: int, name: str = "case", first: int = 0) -> PreparedCase:
    """Every voxel holds the number of its slice; two structures, a long and a short one."""
    number = np.arange(first, first + slices, dtype=np.float32)
    image = np.broadcast_to(number[None, :, None, None], (1, slices, *PLANE))
    labels = np.zeros((slices, *PLANE), np.uint8)
    labels[: slices // 2, 2:4, 1:3] = 1
    labels[-2:, 4:, 3:] = 2
    return store_case(folder, name, image, labels)


def store_case(
    folder: Path, name: str, image: np.ndarray, labels: np.ndarray, num_classes: int = 3
) -> PreparedCase:
    path = folder / f"{name}.zarr"
    write_prepared_case(path, image, labels, num_classes, "digest")
    return open_case(path)
