"""Overlap metrics, all from one confusion matrix and never from a one-hot volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcnet.errors import InputError
from amcnet.labelmaps.validation import as_array, check_label_range, check_shapes

_SLAB_VOXELS = 1 << 21  # Limits the temporaries to a few tens of MB for any size of volume.


@dataclass(frozen=True)
class Overlap:
    """Overlap of one structure; for one pair of masks, ``f1`` equals ``dice``.

    The ratios, 0 to 1, are None if the structure is absent on both sides, and 0 if it was missed
    (present in the reference only) or invented (present in the prediction only).

    Attributes:
        dice: Dice coefficient.
        jaccard: Jaccard index (intersection over union).
        recall: Share of the reference that was found.
        precision: Share of the prediction that is correct.
        reference_voxels: Number of voxels in the reference.
        prediction_voxels: Number of voxels in the prediction.

    Example:
        >>> overlap = overlap_by_structure(np.array([[90, 2], [4, 4]]))[1]
        >>> overlap.recall, round(overlap.precision, 3)
        (0.5, 0.667)
    """

    dice: float | None
    jaccard: float | None
    recall: float | None
    precision: float | None
    reference_voxels: int
    prediction_voxels: int

    @property
    def f1(self) -> float | None:
        """F1 score, equal to Dice."""
        return self.dice


@dataclass(frozen=True)
class PooledOverlap:
    """Overlap of a whole case; None if both sides are background throughout.

    Attributes:
        dice_foreground: Dice coefficient of all foreground voxels, which must have the right class.
        jaccard_foreground: Jaccard index of the same.
        dice_binary: Dice coefficient of foreground against background, whatever the class.
        jaccard_binary: Jaccard index of the same.

    Example:
        >>> pooled = pooled_overlap(np.array([[90, 0], [5, 5]]))  # half of the structure was found
        >>> round(pooled.dice_foreground, 3), pooled.jaccard_foreground
        (0.667, 0.5)
    """

    dice_foreground: float | None
    jaccard_foreground: float | None
    dice_binary: float | None
    jaccard_binary: float | None


def confusion_matrix(
    reference: ArrayLike, prediction: ArrayLike, num_classes: int
) -> NDArray[np.int64]:
    """Count voxels by (reference label, predicted label).

    Args:
        reference: Integer labels of 0 to ``num_classes - 1``, any shape with at least one axis.
        prediction: Labels of the same shape.
        num_classes: Number of labels, including background.

    Returns:
        Counts, (num_classes, num_classes), rows by reference and columns by prediction.

    Raises:
        InputError: If the shapes differ, or labels are not integers or out of range.

    Example:
        >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    truth, found = as_array(reference), as_array(prediction)
    _check_pair(truth, found, num_classes)
    counts = np.zeros(num_classes * num_classes, dtype=np.int64)
    code_type = np.min_scalar_type(num_classes * num_classes - 1)
    rows = max(1, _SLAB_VOXELS * len(truth) // max(1, truth.size))
    for start in range(0, len(truth), rows):
        slab = slice(start, start + rows)
        check_label_range(truth[slab], "reference", num_classes)
        check_label_range(found[slab], "prediction", num_classes)
        code = truth[slab].astype(code_type) * code_type.type(num_classes)
        code += found[slab].astype(code_type)
        # Nearly all voxels are background on both sides: count those by subtraction.
        foreground = code[code != 0]
        counts[0] += code.size - foreground.size
        counts += np.bincount(foreground, minlength=counts.size)
    return counts.reshape(num_classes, num_classes)


def overlap_by_structure(confusion: NDArray[np.int64]) -> dict[int, Overlap]:
    """Return the overlap of every label except background, by label value.

    Args:
        confusion: Counts (class, class), see :func:`confusion_matrix`.

    Example:
        >>> overlap_by_structure(np.array([[5, 0], [2, 2]]))[1].dice
        0.6666666666666666
    """
    reference, prediction = confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        label: _overlap(int(confusion[label, label]), int(reference[label]), int(prediction[label]))
        for label in range(1, len(confusion))
    }


def pooled_overlap(
    confusion: NDArray[np.int64], labels: Sequence[int] | None = None
) -> PooledOverlap:
    """Return the overlap of the pooled foreground of a case.

    Args:
        confusion: Counts, see :func:`confusion_matrix`.
        labels: Labels that form the foreground, by default all but 0.

    Example:
        >>> confusion = np.array([[90, 0, 0], [0, 4, 1], [0, 0, 5]])  # one voxel has the wrong name
        >>> pooled = pooled_overlap(confusion)
        >>> pooled.dice_foreground, pooled.dice_binary
        (0.9, 1.0)
    """
    chosen = np.arange(1, len(confusion)) if labels is None else np.asarray(labels, dtype=int)
    reference, prediction = int(confusion[chosen].sum()), int(confusion[:, chosen].sum())
    same_class = _overlap(int(confusion[chosen, chosen].sum()), reference, prediction)
    both = int(confusion[np.ix_(chosen, chosen)].sum())
    any_class = _overlap(both, reference, prediction)
    return PooledOverlap(
        dice_foreground=same_class.dice,
        jaccard_foreground=same_class.jaccard,
        dice_binary=any_class.dice,
        jaccard_binary=any_class.jaccard,
    )


def _overlap(intersection: int, reference: int, prediction: int) -> Overlap:
    if reference + prediction == 0:
        return Overlap(None, None, None, None, 0, 0)
    return Overlap(
        dice=2 * intersection / (reference + prediction),
        jaccard=intersection / (reference + prediction - intersection),
        recall=intersection / reference if reference else 0.0,
        precision=intersection / prediction if prediction else 0.0,
        reference_voxels=reference,
        prediction_voxels=prediction,
    )


def _check_pair(reference: NDArray[Any], prediction: NDArray[Any], num_classes: int) -> None:
    if num_classes < 2:
        raise InputError(f"num_classes is {num_classes}, expected 2 or more with the background")
    check_shapes(reference, prediction)
    for what, labels in (("reference", reference), ("prediction", prediction)):
        if not np.issubdtype(labels.dtype, np.integer):
            raise InputError(f"{what} holds values of type {labels.dtype}, expected integers")
