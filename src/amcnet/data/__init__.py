"""Data sets: their layout on disk, and what is done to a volume before a network sees it."""

from amcnet.data.label_files import LabelNames, read_label_file, read_label_table
from amcnet.data.layout import Case, Dataset, read_dataset
from amcnet.data.preprocessing import Preprocessing
from amcnet.data.problems import Problem

__all__ = [
    "Case",
    "Dataset",
    "LabelNames",
    "Preprocessing",
    "Problem",
    "read_dataset",
    "read_label_file",
    "read_label_table",
]
