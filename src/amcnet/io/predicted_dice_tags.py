"""Predicted Dice coefficients in the segment list of a ``.seg.nrrd``.

A segment's tag holds the coefficient and the number of voxels for which it was predicted: if a
structure is corrected in 3D Slicer, which keeps tags, the number of voxels no longer matches and
the prediction is ignored.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amcnet.anatomy.label_table import LabelTable
from amcnet.io.extensions import SEGMENTATION_EXTENSION, find_extension
from amcnet.io.label_reading import read_segments
from amcnet.io.predicted_dice import PredictedDice
from amcnet.io.segment_matching import match_segments

_TAG = re.compile(
    r"(?:^|\|)amcnet\.PredictedDice:([01]\.[0-9]{1,6}) of ([0-9]{1,18}) voxels, "
    r"named below ([01]\.[0-9]{1,6})(?:\||$)"
)


def predicted_dice_tags(labels: npt.NDArray[Any], predicted: PredictedDice) -> dict[int, str]:
    """Return label value -> tag.

    Args:
        labels: Label values, three axes in any order.
        predicted: The predictions; coefficients lie in [0, 1].

    Example:
        >>> labels = np.full((2, 2, 2), 3, np.uint8)
        >>> predicted_dice_tags(labels, PredictedDice({3: 0.75}))
        {3: 'amcnet.PredictedDice:0.750 of 8 voxels, named below 0.500'}
    """
    if not predicted.coefficients:
        return {}
    voxels, limit = _count(labels), f"named below {predicted.named_below:.3f}"
    return {
        value: f"amcnet.PredictedDice:{dice:.3f} of {voxels.get(value, 0)} voxels, {limit}"
        for value, dice in predicted.coefficients.items()
    }


def read_predicted_dice(
    path: Path, table: LabelTable, labels: npt.NDArray[Any]
) -> PredictedDice | None:
    """Return the predictions of a label file; None if it has none.

    Only a ``.seg.nrrd`` can hold predictions; those of structures that were changed since are
    omitted.

    Args:
        path: The file.
        table: The label table of the file.
        labels: Labels of the file as :func:`amcnet.io.read_labels` returned them for this table.

    Raises:
        InputError: If the header is damaged.
    """
    if find_extension(path, (SEGMENTATION_EXTENSION,)) is None:
        return None
    segments = read_segments(path)
    matched = zip(segments, match_segments(segments, table), strict=True)
    tags = {value: _TAG.search(one.tags) for one, value in matched if value is not None}
    known = {value: tag for value, tag in tags.items() if tag is not None and float(tag[1]) <= 1}
    voxels = _count(labels) if known else {}
    valid = {value: tag for value, tag in known.items() if int(tag[2]) == voxels.get(value, 0)}
    if not valid:
        return None
    limit = max(float(tag[3]) for tag in valid.values())
    return PredictedDice({value: float(tag[1]) for value, tag in valid.items()}, limit)


def _count(labels: npt.NDArray[Any]) -> dict[int, int]:
    """Return label value -> number of voxels, counted plane by plane to save memory."""
    total = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    for plane in labels:
        total += np.bincount(plane[plane > 0], minlength=len(total))
    return {int(value): int(total[value]) for value in np.flatnonzero(total)}
