"""The typed result of evaluating one case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amcnet.errors import count_text
from amcnet.metrics.overlap import Overlap
from amcnet.metrics.summary import ScoreRow, surface_dice_key


@dataclass(frozen=True)
class ShapeScores:
    """Surface distances and lengths of one structure; None where they do not exist.

    Attributes:
        hd95_mm: 95th percentile of the Hausdorff distance, in mm like all lengths.
        assd_mm: Average symmetric surface distance.
        surface_dice: Surface Dice at the tolerance of the evaluation, 0 to 1.
        reference_length_mm: Length along the principal axis in the reference.
        prediction_length_mm: Likewise in the prediction.
        length_error_mm: Absolute difference of the two.

    Example:
        >>> ShapeScores(hd95_mm=1.5, reference_length_mm=20.0).assd_mm is None
        True
    """

    hd95_mm: float | None = None
    assd_mm: float | None = None
    surface_dice: float | None = None
    reference_length_mm: float | None = None
    prediction_length_mm: float | None = None
    length_error_mm: float | None = None


@dataclass(frozen=True)
class StructureScores:
    """Scores of one structure.

    Attributes:
        label: Label value.
        name: Name from the label table, or ``label 7`` without one.
        kind: Kind from the label table, None without one.
        overlap: Dice and other overlaps, with voxel counts.
        shape: Surface distances and lengths.

    Example:
        >>> overlap = Overlap(0.8, 0.667, 0.8, 0.8, reference_voxels=10, prediction_voxels=10)
        >>> femur = StructureScores(1, "femur", "bone", overlap, ShapeScores(hd95_mm=1.5))
        >>> row = femur.to_row(surface_tolerance_mm=1.0)
        >>> row["dice"], row["hd95_mm"]
        (0.8, 1.5)
    """

    label: int
    name: str
    kind: str | None
    overlap: Overlap
    shape: ShapeScores

    @property
    def dice(self) -> float | None:
        """Dice, None if the structure is absent on both sides."""
        return self.overlap.dice

    def to_row(self, surface_tolerance_mm: float) -> ScoreRow:
        """Return the scores as a flat dictionary, units in the keys.

        Args:
            surface_tolerance_mm: Part of the surface Dice's key.
        """
        overlap, shape = self.overlap, self.shape
        row: ScoreRow = {"label": self.label, "name": self.name}
        if self.kind is not None:
            row["kind"] = self.kind
        return row | {
            "dice": overlap.dice,
            "jaccard": overlap.jaccard,
            "recall": overlap.recall,
            "precision": overlap.precision,
            "f1": overlap.f1,
            "reference_voxels": overlap.reference_voxels,
            "prediction_voxels": overlap.prediction_voxels,
            "hd95_mm": shape.hd95_mm,
            "assd_mm": shape.assd_mm,
            surface_dice_key(surface_tolerance_mm): shape.surface_dice,
            "reference_length_mm": shape.reference_length_mm,
            "prediction_length_mm": shape.prediction_length_mm,
            "length_error_mm": shape.length_error_mm,
        }


@dataclass(frozen=True)
class CaseEvaluation:
    """Scores of one case.

    Attributes:
        structures: One entry per label, in the order of the label values.
        summary: Means over structures and pooled overlaps, see
            :func:`amcnet.metrics.summarise_structures`; also ``dice_foreground``,
            ``jaccard_foreground``, ``dice_binary`` and ``jaccard_binary``, and with a label table
            all of these ``by_kind``.
        surface_tolerance_mm: Tolerance of the surface Dice.

    Example:
        >>> import numpy as np
        >>> from amcnet.metrics.evaluation import evaluate_case
        >>> labels = np.zeros((6, 6, 6), np.uint8)
        >>> labels[1:4, 1:4, 1:4] = 1
        >>> evaluation = evaluate_case(labels, labels, (1.0, 1.0, 1.0))
        >>> evaluation.to_rows()[0]["dice"], evaluation.structures[0].name
        (1.0, 'label 1')
    """

    structures: tuple[StructureScores, ...]
    summary: Mapping[str, Any]
    surface_tolerance_mm: float

    def to_rows(self) -> list[ScoreRow]:
        """Return one flat dictionary per structure, for pandas and polars."""
        return [one.to_row(self.surface_tolerance_mm) for one in self.structures]

    def to_json(self) -> dict[str, Any]:
        """Return ``summary`` and ``structures`` as data that JSON can represent."""
        return {"summary": dict(self.summary), "structures": self.to_rows()}

    def __repr__(self) -> str:
        dice = self.summary["dice_macro"]
        shown = "-" if dice is None else f"{dice:.3f}"
        return (
            f"CaseEvaluation({count_text(len(self.structures), 'structure')}, "
            f"{self.summary['structures_missed']} missed, mean Dice {shown})"
        )
