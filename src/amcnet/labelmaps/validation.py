"""Checks of label arrays and spacings, and masking of voxels with an ignore label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcnet.errors import InputError
from amcnet.io import volume_from_image
from amcnet.io.array_sources import LOGITS_HINT, array_of

_MOST_PLANES = 16  # enough to tell an image from labels
_FEWEST_INTENSITIES = 32
_MOST_LABELS = 128
# Share of neighbouring voxels within labels that are equal; in ultrasound few are.
_FLAT_SHARE = 0.75


def as_array(values: ArrayLike) -> NDArray[Any]:
    """Return whatever holds voxels as a NumPy array.

    Args:
        values: An array, a nested sequence or a PyTorch tensor of any device; or a SimpleITK image,
            whose axes are put in the order (scan, lateral, depth) by its direction cosines.

    Example:
        >>> as_array([[0, 1], [2, 0]]).shape
        (2, 2)
    """
    return volume_from_image(values).array if hasattr(values, "GetDirection") else array_of(values)


def checked_spacing_mm(spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return the spacing as an array (3,) of float64.

    Raises:
        InputError: If it is not three positive, finite numbers.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not np.all(np.isfinite(spacing)) or not np.all(spacing > 0):
        raise InputError(
            f"spacing_mm is {spacing.tolist()}, expected three positive numbers "
            "(scan, lateral, depth)"
        )
    return spacing


def check_label_volume(labels: NDArray[Any], what: str) -> None:
    """Refuse anything but a three-dimensional integer array; ``what`` names it in the message.

    Raises:
        InputError: If the array has another number of axes or non-integer values.
    """
    if labels.ndim != 3:
        hint = LOGITS_HINT if labels.ndim > 3 else ""
        shape = tuple(labels.shape)
        raise InputError(f"{what} has the shape {shape}, expected (scan, lateral, depth){hint}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{what} holds values of type {labels.dtype}, expected integers")


def check_shapes(reference: NDArray[Any], prediction: NDArray[Any]) -> None:
    """Refuse a prediction of another shape.

    Raises:
        InputError: If the shapes differ, or the arrays have no axes.
    """
    if reference.shape != prediction.shape or reference.ndim == 0:
        raise InputError(
            f"prediction has the shape {prediction.shape}, "
            f"expected that of the reference, {reference.shape}"
        )


def check_label_range(labels: NDArray[np.integer[Any]], what: str, num_classes: int) -> None:
    """Refuse labels outside 0 to ``num_classes - 1``; ``what`` names the array in the message.

    Raises:
        InputError: If there is such a label.
    """
    smallest, largest = int(labels.min(initial=0)), int(labels.max(initial=0))
    if smallest < 0 or largest >= num_classes:
        wrong = smallest if smallest < 0 else largest
        raise InputError(f"{what} holds the label {wrong}, expected 0 to {num_classes - 1}")


def looks_like_labels(array: NDArray[Any]) -> bool:
    """Return whether an array holds labels instead of intensities: few values fill large areas.

    Args:
        array: Voxels, (scan, lateral, depth).

    Example:
        >>> labels = np.zeros((8, 16, 16), np.uint8)
        >>> labels[2:6, 4:8, 4:8] = 3
        >>> looks_like_labels(labels), looks_like_labels(labels + np.uint8(1))
        (True, False)
    """
    planes = array[:: max(1, len(array) // _MOST_PLANES)]
    inside = planes[:, :, :-1] != 0
    if not inside.any() or not _holds_whole_numbers(planes):
        return False
    values = np.unique(planes)
    if not 1 < len(values) <= _MOST_LABELS or values[0] < 0:
        return False
    share = (planes[:, :, 1:] == planes[:, :, :-1])[inside].mean()
    return bool(share >= _FLAT_SHARE and (planes == 0).mean() > 0.5)


def _holds_whole_numbers(planes: NDArray[Any]) -> bool:
    return planes.dtype.kind in "biu" or bool((planes == np.round(planes)).all())


def looks_like_an_image(array: NDArray[Any]) -> bool:
    """Return whether an array holds intensities instead of labels.

    Fractions are intensities. Whole numbers are intensities if there are many of them and most
    neighbours along the last axis differ, because labels are constant within a structure.

    Args:
        array: Values of any real dtype, (scan, lateral, depth).

    Example:
        >>> labels = np.zeros((8, 8, 8), np.uint8)
        >>> labels[2:6, 2:6, 2:6] = 5
        >>> looks_like_an_image(labels)
        False
        >>> looks_like_an_image(np.random.default_rng(0).integers(0, 200, (8, 8, 8)))
        True
    """
    sample = array[:: max(1, len(array) // _MOST_PLANES)]
    if not np.issubdtype(array.dtype, np.integer):
        finite = sample[np.isfinite(sample)]
        if np.any(finite != np.rint(finite)):
            return True
    if len(np.unique(sample)) < _FEWEST_INTENSITIES or sample.shape[-1] < 2:
        return False
    before, after = sample[..., :-1], sample[..., 1:]
    foreground = (before != 0) | (after != 0)
    differing = np.count_nonzero((before != after) & foreground)
    return bool(2 * differing > np.count_nonzero(foreground))


def labelled_box(labels: NDArray[np.integer[Any]]) -> tuple[slice, slice, slice]:
    """Return the bounding box of all structures with a margin of one background voxel.

    Measurements and checks of the box equal those of the whole volume: a structure touches a face
    of the box only if it touches a face of the volume. Without structures, the box is the first
    voxel.

    Args:
        labels: Integer labels, (scan, lateral, depth).

    Example:
        >>> labels = np.zeros((9, 9, 9), np.uint8)
        >>> labels[4, 5:7, 0] = 1
        >>> labelled_box(labels)
        (slice(3, 6, None), slice(4, 8, None), slice(0, 2, None))
    """
    if not labels.size:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    seen = np.bitwise_or.reduce(labels, axis=0)
    scan = _with_margin(np.array([plane.any() for plane in labels]))
    return scan, _with_margin(seen.any(axis=1)), _with_margin(seen.any(axis=0))


def _with_margin(seen: NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(seen)
    if not found.size:
        return slice(0, 1)
    return slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2)


def check_ignore_value(ignore_value: int | None, num_classes: int) -> None:
    """Refuse an ignore label that is also the value of a structure or of the background.

    Raises:
        InputError: If it is less than ``num_classes``.
    """
    if ignore_value is not None and ignore_value < num_classes:
        raise InputError(f"ignore_value is {ignore_value}, expected {num_classes} or more")


def without_ignored(
    labels: NDArray[np.integer[Any]],
    reference: NDArray[np.integer[Any]],
    ignore_value: int | None,
) -> NDArray[np.integer[Any]]:
    """Set voxels to background where the reference has the ignore label.

    Args:
        labels: Integer labels of any shape.
        reference: Labels of the same shape; may be the same array.
        ignore_value: The ignore label, such as nnU-Net's; None for none.

    Returns:
        The same array if nothing is ignored, else a modified copy.

    Example:
        >>> reference = np.array([0, 1, 255])
        >>> without_ignored(np.array([1, 1, 1]), reference, 255).tolist()
        [1, 1, 0]
    """
    if ignore_value is None:
        return labels
    ignored = reference == ignore_value
    if not ignored.any():
        return labels
    kept = labels.copy()
    kept[ignored] = 0
    return kept
