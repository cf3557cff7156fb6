"""The confusion matrix of label files, summed over pairs of reference and prediction."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.data import LabelNames
from amcnet.io import BY_HEADER, Reading
from amcnet.metrics import confusion_matrix
from amcnet.workflows.evaluate.files import read_pair


def confusion_of_files(
    pairs: Iterable[tuple[Path, Path]], names: LabelNames, reading: Reading = BY_HEADER
) -> NDArray[np.int64]:
    """Count voxels by (reference label, predicted label), summed over pairs of label files.

    One pair is in memory at a time. A ``.seg.nrrd`` or DICOM SEG may be cropped.

    Args:
        pairs: (reference, prediction) of each case.
        names: Label names; voxels with their ignore label are excluded.
        reading: How the files are read.

    Returns:
        Counts, (num_classes, num_classes), rows by reference and columns by prediction.

    Raises:
        InputError: If a file cannot be read, or a pair lies on different grids.
    """
    classes = names.table.num_classes
    total = np.zeros((classes, classes), dtype=np.int64)
    for reference, prediction in pairs:
        truth, judged, _ = read_pair(reference, prediction, names, reading)
        if names.ignore_value is not None:
            known = truth != names.ignore_value
            truth, judged = truth[known], judged[known]
        total += confusion_matrix(truth, judged, classes)
    return total
