"""Which stage a volume is in, and how far that stage is."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """What is being done with a volume, in this order."""

    READING = "reading"
    NETWORK = "running the network"
    LABELLING = "labelling"
    CLEANING_UP = "cleaning up"
    SEARCHING_AXES = "searching the axes"
    CHECKING = "checking"
    WRITING = "writing"
    REPORT = "writing the report"


StageProgress = Callable[[Stage, int, int], None]
"""Called with (stage, steps done, steps in all); the total is 0 where nothing is counted."""


def no_stage_progress(stage: Stage, done: int, total: int) -> None:
    """Show nothing."""
