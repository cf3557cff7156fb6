"""Restrict a segmentation to some of its structures."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from amcnet.inference.segmentation import Segmentation
from amcnet.io import write_labels
from amcnet.io.dicom import SegType
from amcnet.labelmaps.selection import find_structures


@dataclass(frozen=True)
class SelectedSegmentation(Segmentation):
    """A segmentation that was restricted to some structures; values and table are as before.

    Attributes:
        kept: Values of these structures, in ascending order, found or not.
    """

    kept: tuple[int, ...] = ()

    def write(
        self, path: str | Path, overwrite: bool = False, seg_type: SegType = "binary"
    ) -> None:
        """Write the labels; segmentations list the structures that were kept only."""
        write_labels(path, self.labels, self.geometry, self.table, overwrite, self.kept, seg_type)


def keep_only(result: Segmentation, names: Iterable[str]) -> Segmentation:
    """Return a segmentation with some structures only; all others become background.

    Args:
        result: The segmentation; it stays as it is.
        names: See :func:`find_structures`.

    Raises:
        InputError: If a name is unknown.
    """
    kept = find_structures(result.table, names)
    lookup = np.zeros(np.iinfo(result.labels.dtype).max + 1, result.labels.dtype)
    lookup[list(kept)] = kept
    parts = {field.name: getattr(result, field.name) for field in fields(Segmentation)}
    parts["labels"] = lookup[result.labels]
    parts["confidence"] = {v: mean for v, mean in result.confidence.items() if v in kept}
    return SelectedSegmentation(**parts, kept=kept)
