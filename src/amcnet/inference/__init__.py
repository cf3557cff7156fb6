"""From volumes to labels at their own resolution."""

from amcnet.inference.probabilities import Probabilities, read_probabilities
from amcnet.inference.segmentation import Segmentation, Segmenter
from amcnet.inference.selection import keep_only

__all__ = [
    "Probabilities",
    "Segmentation",
    "Segmenter",
    "keep_only",
    "read_probabilities",
]
