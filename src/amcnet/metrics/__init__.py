"""Metrics of a labelled volume against its reference, for any label table."""

from amcnet.metrics.evaluation import evaluate_case
from amcnet.metrics.overlap import (
    Overlap,
    PooledOverlap,
    confusion_matrix,
    overlap_by_structure,
    pooled_overlap,
)
from amcnet.metrics.summary import summarise_cases, summarise_structures, surface_dice_key
from amcnet.metrics.surface import SurfaceDistances, surface_distances

__all__ = [
    "Overlap",
    "PooledOverlap",
    "SurfaceDistances",
    "confusion_matrix",
    "evaluate_case",
    "overlap_by_structure",
    "pooled_overlap",
    "summarise_cases",
    "summarise_structures",
    "surface_dice_key",
    "surface_distances",
]
