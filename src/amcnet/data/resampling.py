"""Linear, anti-aliased resampling of volumes, one axis at a time.

Every axis is resampled by a small matrix: a triangle filter as wide as the coarser of the two
spacings. The edges of the field of view stay in place, so voxel ``i`` of ``n`` lies at ``(i + 0.5)
/ n`` of the axis on every grid.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

Matrix = NDArray[np.float32]

_CHUNK = 32


def linear_weights(size_in: int, size_out: int) -> Matrix:
    """Return the (size_out, size_in) matrix that resamples one axis; its rows sum to 1."""
    scale = size_in / size_out
    width = max(1.0, scale)
    centres = (np.arange(size_out) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(size_in)[None, :])
    weights = np.clip(1 - distance / width, 0, None)
    # Rows at the border extend beyond the volume; normalising them repeats the border there.
    normalised: Matrix = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def resample_image(image: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Resample a volume to another shape over the same field of view.

    Processes the scan axis in chunks, so that an 8-bit volume is never held as floats.

    Args:
        image: (scan, lateral, depth), any real dtype.
        shape: Shape of the result.

    Returns:
        float32 of that shape.
    """
    scan, lateral, depth = (
        csc_array(linear_weights(n_in, n_out))
        for n_in, n_out in zip(image.shape, shape, strict=True)
    )
    lateral, depth = lateral.tocsr(), depth.tocsr()
    result = np.zeros((shape[0], shape[1] * shape[2]), np.float32)
    for start in range(0, image.shape[0], _CHUNK):
        chunk = image[start : start + _CHUNK]
        planes = [(depth @ (lateral @ plane.astype(np.float32)).T).T for plane in chunk]
        weights = scan[:, start : start + _CHUNK].tocsr()
        touched = slice(weights.nonzero()[0].min(), weights.nonzero()[0].max() + 1)
        result[touched] += weights[touched] @ np.stack(planes).reshape(len(planes), -1)
    return result.reshape(shape)


def resample_labels(labels: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Resample labels to a coarser grid: each voxel gets the label that fills most of it.

    Args:
        labels: (scan, lateral, depth), 0 is background.
        shape: Shape of the result.

    >>> import numpy as np
    >>> resample_labels(np.array([[[0, 0, 2, 2, 2, 1]]], np.uint8), (1, 1, 3)).tolist()
    [[[0, 2, 2]]]
    """
    from scipy.ndimage import find_objects

    weights = [linear_weights(n_in, n_out) for n_in, n_out in zip(labels.shape, shape, strict=True)]
    foreground = np.zeros(shape, np.float32)
    largest = np.zeros(shape, np.float32)
    result = np.zeros(shape, np.uint8)
    for value, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        parts, region = zip(*(_crop(w, s) for w, s in zip(weights, box, strict=True)), strict=True)
        mask = (labels[box] == value).astype(np.float32)
        share = np.einsum("as,sld->ald", parts[0], parts[1] @ mask @ parts[2].T, optimize=True)
        foreground[region] += share
        more = share > largest[region]
        largest[region][more] = share[more]
        result[region][more] = value
    result[foreground < 0.5] = 0
    return result


def _crop(weights: Matrix, box: slice) -> tuple[Matrix, slice]:
    """Return the part of a matrix that a range of inputs affects, and the affected outputs."""
    columns = weights[:, box]
    (rows,) = np.nonzero(columns.any(axis=1))
    touched = slice(int(rows[0]), int(rows[-1]) + 1)
    return columns[touched], touched
