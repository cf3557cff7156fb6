"""Refuse labels that are given as an image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcnet.errors import InputError
from amcnet.io import is_dicom, read_segments
from amcnet.labelmaps.validation import looks_like_labels

_ADVICE = "expected an ultrasound image; 'amcnet check' and 'amcnet measure' take labels"


def check_is_no_segmentation(path: Path) -> None:
    """Check by its header that a file is not a 3D Slicer segmentation.

    Raises:
        InputError: If it is one.
    """
    segments = () if is_dicom(path) else read_segments(path)
    if segments:
        raise InputError(f"{path}: holds labels ({len(segments)} segments), {_ADVICE}")


def check_is_no_label_map(array: NDArray[Any], path: Path) -> None:
    """Check that the voxels of a file are not labels.

    Args:
        array: The voxels, (scan, lateral, depth).
        path: The file.

    Raises:
        InputError: If they are.
    """
    if looks_like_labels(array):
        values = np.unique(array[:: max(1, len(array) // 16)])
        raise InputError(
            f"{path}: holds labels ({len(values)} different values up to {values[-1]:g}), {_ADVICE}"
        )
