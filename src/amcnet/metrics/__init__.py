"""Metrics of a labelled volume against its reference, for any label table."""

from amcnet.metrics.evaluation import evaluate_case
from amcnet.metrics.files import FoundPairs, Pair, evaluate_files, find_pairs
from amcnet.metrics.folders import EvaluateOptions, evaluate_folders, evaluate_pair
from amcnet.metrics.overlap import (
    Overlap,
    PooledOverlap,
    confusion_matrix,
    overlap_by_structure,
    pooled_overlap,
)
from amcnet.metrics.presets import Preset, headline, preset_columns
from amcnet.metrics.summary import summarise_cases, summarise_structures, surface_dice_key
from amcnet.metrics.surface import SurfaceDistances, surface_distances

__all__ = [
    "EvaluateOptions",
    "FoundPairs",
    "Overlap",
    "Pair",
    "PooledOverlap",
    "Preset",
    "SurfaceDistances",
    "confusion_matrix",
    "evaluate_case",
    "evaluate_files",
    "evaluate_folders",
    "evaluate_pair",
    "find_pairs",
    "headline",
    "overlap_by_structure",
    "pooled_overlap",
    "preset_columns",
    "summarise_cases",
    "summarise_structures",
    "surface_dice_key",
    "surface_distances",
]
