"""Metrics of a labelled volume against its reference, for any label table."""

from amcnet.metrics.case_evaluation import CaseEvaluation, ShapeScores, StructureScores
from amcnet.metrics.evaluation import evaluate_case
from amcnet.metrics.overlap import (
    Overlap,
    PooledOverlap,
    confusion_matrix,
    overlap_by_structure,
    pooled_overlap,
)
from amcnet.metrics.paired import PairedTest, holm, signed_rank_test
from amcnet.metrics.presets import Preset, headline, preset_columns, with_headline
from amcnet.metrics.score_tables import Group, Level, ScoreTable, scores_of_cases
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
    "CaseEvaluation",
    "Group",
    "Level",
    "Overlap",
    "PairedTest",
    "PooledOverlap",
    "Preset",
    "ScoreTable",
    "ShapeScores",
    "Statistics",
    "StructureScores",
    "SurfaceDistances",
    "confusion_matrix",
    "describe",
    "evaluate_case",
    "headline",
    "holm",
    "overlap_by_structure",
    "pooled_overlap",
    "preset_columns",
    "scores_of_cases",
    "signed_rank_test",
    "summarise_cases",
    "summarise_structures",
    "surface_dice_key",
    "surface_distances",
    "with_headline",
]
