"""From a volume to labels at its own resolution."""

from amcnet.inference.segmentation import Segmentation, Segmenter, segment

__all__ = ["Segmentation", "Segmenter", "segment"]
