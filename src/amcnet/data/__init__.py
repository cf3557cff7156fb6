"""Data sets: their layout on disk, and what is done to a volume before a network sees it."""

from amcnet.data.layout import Case, Dataset, read_dataset, read_label_table
from amcnet.data.preprocessing import Preprocessing

__all__ = ["Case", "Dataset", "Preprocessing", "read_dataset", "read_label_table"]
