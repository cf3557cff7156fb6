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
from amcnet.metrics.paired import PairedTest, holm, signed_rank_test
from amcnet.metrics.presets import Preset, headline, preset_columns, with_headline
from amcnet.metrics.scores import Group, Level, Scores, scores_of_cases
from amcnet.metrics.solid import Solid, extent_mm, length_mm, principal_extents_mm
from amcnet.metrics.solids import find_solids
from amcnet.metrics.statistics import Statistics, describe
from amcnet.metrics.summary import (
    DETECTION_DICE,
    MISSED_HD95_MM,
    summarise_cases,
    summarise_structures,
    surface_dice_key,
)
from amcnet.metrics.surface import SurfaceDistances, surface_distances

__all__ = [
    "DETECTION_DICE",
    "MISSED_HD95_MM",
    "EvaluateOptions",
    "FoundPairs",
    "Group",
    "Level",
    "Overlap",
    "Pair",
    "PairedTest",
    "PooledOverlap",
    "Preset",
    "Scores",
    "Solid",
    "Statistics",
    "SurfaceDistances",
    "confusion_matrix",
    "describe",
    "evaluate_case",
    "evaluate_files",
    "evaluate_folders",
    "evaluate_pair",
    "extent_mm",
    "find_pairs",
    "find_solids",
    "headline",
    "holm",
    "length_mm",
    "overlap_by_structure",
    "pooled_overlap",
    "preset_columns",
    "principal_extents_mm",
    "scores_of_cases",
    "signed_rank_test",
    "summarise_cases",
    "summarise_structures",
    "surface_dice_key",
    "surface_distances",
    "with_headline",
]
