"""Inference: from volumes to labels at the resolution of each volume."""

from amcnet.inference.probabilities import Probabilities, read_probabilities
from amcnet.inference.progress import Stage, StageProgress
from amcnet.inference.segmentation import Segmentation, keep_only
from amcnet.inference.segmenter import Segmenter

__all__ = [
    "Probabilities",
    "Segmentation",
    "Segmenter",
    "Stage",
    "StageProgress",
    "keep_only",
    "read_probabilities",
]
