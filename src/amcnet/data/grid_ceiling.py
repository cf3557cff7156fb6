"""The best Dice that a grid allows: labels are resampled to it and back."""

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import IGNORE
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.resampling import resample_labels


def grid_ceiling(
    labels: NDArray[np.uint8], spacing_mm: tuple[float, float, float], preprocessing: Preprocessing
) -> float | None:
    """Return the mean Dice of labels with themselves after resampling to the network's grid.

    No network that works on this grid can be much better.

    Args:
        labels: (scan, lateral, depth), 0 is background; ignored voxels count as background.
        spacing_mm: Their spacing.
        preprocessing: Preprocessing, which states the network's grid.

    Returns:
        The mean over the structures that are present; None if there are none.

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((16, 16, 16), np.uint8)
        >>> labels[4:12, 4:12, 6] = 1  # a plate one voxel thick
        >>> spacing_mm = (0.5, 0.5, 0.5)
        >>> grid_ceiling(labels, spacing_mm, Preprocessing(spacing_mm=spacing_mm))
        1.0
        >>> grid_ceiling(labels, spacing_mm, Preprocessing(spacing_mm=(2, 2, 2)))
        0.0
    """
    known = np.where(labels == IGNORE, np.uint8(0), labels)
    shape = (known.shape[0], known.shape[1], known.shape[2])
    coarse = resample_labels(known, preprocessing.network_shape(shape, spacing_mm))
    back = resample_labels(coarse, shape)
    values = np.unique(known)
    scores = []
    for value in values[values > 0]:
        before, after = known == value, back == value
        scores.append(2 * (before & after).sum() / (before.sum() + after.sum()))
    return float(np.mean(scores)) if scores else None
