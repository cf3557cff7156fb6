"""From volumes to labels at their own resolution."""

from amcnet.inference.dask_cluster import segment_files_on_cluster
from amcnet.inference.jobs import Job, Outcome, SegmentOptions, segment_files
from amcnet.inference.planning import plan_files
from amcnet.inference.probabilities import Probabilities, read_probabilities
from amcnet.inference.segmentation import Segmentation, Segmenter, segment
from amcnet.inference.selection import find_structures, keep_only, write_each

__all__ = [
    "Job",
    "Outcome",
    "Probabilities",
    "SegmentOptions",
    "Segmentation",
    "Segmenter",
    "find_structures",
    "keep_only",
    "plan_files",
    "read_probabilities",
    "segment",
    "segment_files",
    "segment_files_on_cluster",
    "write_each",
]
