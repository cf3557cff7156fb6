"""Data sets: their layout on disk, and what is done to a volume before a network sees it."""

from amcnet.data.layout import Case, Dataset, read_dataset
from amcnet.data.preprocessing import Preprocessing

__all__ = ["Case", "Dataset", "Preprocessing", "read_dataset"]
