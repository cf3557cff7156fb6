"""The result of inference: labels of one volume on its own grid."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcnet.anatomy import LabelTable
from amcnet.bundle.dice_calibration import DiceWeights
from amcnet.inference.structure_evidence import StructureEvidence
from amcnet.io import Geometry, write_labels
from amcnet.io.dicom import SegType
from amcnet.io.predicted_dice import PredictedDice
from amcnet.labelmaps.selection import find_structures

StructureRow = dict[str, str | int | float | None]


@dataclass(frozen=True, repr=False)
class Segmentation:
    """Labels of one volume.

    Attributes:
        labels: uint8 (scan, lateral, depth), on the grid of the input.
        geometry: Grid of the input, on which the labels lie.
        table: The label table.
        confidence: Label value -> mean probability of each structure found; 0 for a structure that
            wins only between the samples of the network's grid.
        notice: Notice of the model for its users.
        seconds: Stage -> time in seconds. The network runs while slices are labelled: ``network``
            is the time it was busy, ``labels`` the total of both.
        kept: Values of the structures that :func:`keep_only` kept, found or not; None for all.
        evidence: Label value -> evidence from the networks, for structures that were found.
        dice_weights: Weights that predict Dice coefficients from it; None for a model without
            calibration.
        predicted_dice: Label value -> predicted Dice coefficient, once the result was checked; see
            :func:`amcnet.workflows.segment.checking.with_prediction`.

    >>> from amcnet.anatomy import hand_label_table
    >>> labels = np.ones((2, 4, 3), np.uint8)
    >>> grid = Geometry.canonical(labels.shape, (0.5, 1.0, 1.0))
    >>> result = Segmentation(labels, grid, hand_label_table(), {1: 0.9}, "", {})
    >>> result
    Segmentation(1 of 38 structures,
      labels: uint8 (2, 4, 3) in (scan, lateral, depth),
      spacing_mm: 0.5 x 1 x 1,
      mean confidence: 0.90)
    >>> int(result.mask("distal phalanx of thumb").sum())
    24
    >>> row = result.to_rows()[0]
    >>> row["name"], row["voxels"], row["volume_mm3"]
    ('distal phalanx of thumb', 24, 12.0)
    """

    labels: NDArray[np.uint8]
    geometry: Geometry
    table: LabelTable
    confidence: dict[int, float]
    notice: str
    seconds: dict[str, float]
    kept: tuple[int, ...] | None = None
    evidence: dict[int, StructureEvidence] = field(default_factory=dict)
    dice_weights: DiceWeights | None = None
    predicted_dice: dict[int, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the size, the grid and the number of structures in a few lines."""
        means = list(self.confidence.values())
        mean = f"{sum(means) / len(means):.2f}" if means else "none"
        spacing = " x ".join(f"{size:.4g}" for size in self.spacing_mm)
        return (
            f"{type(self).__name__}({len(means)} of {len(self.table)} structures,\n"
            f"  labels: {self.labels.dtype} {self.labels.shape} in (scan, lateral, depth),\n"
            f"  spacing_mm: {spacing},\n"
            f"  mean confidence: {mean})"
        )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size in (scan, lateral, depth)."""
        return self.geometry.canonical_spacing_mm

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return the mask of a structure, a kind (``bones``) or a group (``thumb``).

        Args:
            name: See :func:`amcnet.labelmaps.find_structures`.

        Returns:
            bool (scan, lateral, depth).

        Raises:
            InputError: If the name is unknown.
        """
        return np.isin(self.labels, find_structures(self.table, [name]))

    def to_rows(self) -> list[StructureRow]:
        """Return one row for each structure of the table, for ``pandas.DataFrame(rows)``.

        Returns:
            ``label``, ``name``, ``kind``, ``group``, ``voxels``, ``volume_mm3``, ``confidence`` and
            ``predicted_dice`` (None if the structure was not found, or no prediction is possible).
        """
        voxels = np.bincount(self.labels.reshape(-1), minlength=self.table.num_classes)
        voxel_mm3 = prod(self.spacing_mm)
        return [
            {
                "label": structure.value,
                "name": structure.name,
                "kind": structure.kind,
                "group": structure.group,
                "voxels": int(voxels[structure.value]),
                "volume_mm3": float(voxels[structure.value] * voxel_mm3),
                "confidence": self.confidence.get(structure.value),
                "predicted_dice": self.predicted_dice.get(structure.value),
            }
            for structure in self.table
        ]

    def write(
        self, path: str | Path, overwrite: bool = False, seg_type: SegType = "binary"
    ) -> None:
        """Write the labels in the format of the extension, see :func:`amcnet.io.write_labels`.

        Segmentations (``.seg.nrrd``, DICOM) list only the structures that were kept. A
        ``.seg.nrrd`` also holds the predicted Dice coefficients.

        Raises:
            OutputError: If the file cannot be written.
        """
        limit = 0.5 if self.dice_weights is None else self.dice_weights.named_below
        write_labels(
            path,
            self.labels,
            self.geometry,
            self.table,
            overwrite,
            self.kept,
            seg_type,
            PredictedDice(self.predicted_dice, limit),
        )


def keep_only(result: Segmentation, names: Iterable[str] | str) -> Segmentation:
    """Return a copy of a segmentation with some structures only; the others become background.

    Args:
        result: The segmentation, which is not modified. Label values and table are kept.
        names: See :func:`amcnet.labelmaps.find_structures`.

    Raises:
        InputError: If a name is unknown.

    Example:
        >>> from amcnet.anatomy import hand_label_table
        >>> labels = np.array([[[1, 2, 14]]], np.uint8)
        >>> grid = Geometry.canonical(labels.shape, (1.0, 1.0, 1.0))
        >>> result = Segmentation(labels, grid, hand_label_table(), {1: 0.9}, "", {})
        >>> keep_only(result, "bones").labels.tolist()
        [[[1, 0, 14]]]
    """
    kept = find_structures(result.table, [names] if isinstance(names, str) else names)
    lookup = np.zeros(np.iinfo(result.labels.dtype).max + 1, result.labels.dtype)
    lookup[list(kept)] = kept
    return replace(
        result,
        labels=lookup[result.labels],
        confidence={value: mean for value, mean in result.confidence.items() if value in kept},
        kept=kept,
        evidence={value: one for value, one in result.evidence.items() if value in kept},
        predicted_dice={v: one for v, one in result.predicted_dice.items() if v in kept},
    )
