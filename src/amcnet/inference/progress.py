"""Progress within one volume: the current stage and its completed steps."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """Stages of the work on one volume, in order.

    Example:
        >>> [str(stage) for stage in Stage][:2]
        ['reading', 'running the network']
    """

    READING = "reading"
    NETWORK = "running the network"
    LABELLING = "labelling"
    CLEANING_UP = "cleaning up"
    SEARCHING_AXES = "searching the axes"
    CHECKING = "checking"
    WRITING = "writing"
    REPORT = "writing the report"


StageProgress = Callable[[Stage, int, int], None]
"""Called with (stage, steps done, number of steps); the number is 0 if steps are not counted."""


def no_stage_progress(stage: Stage, done: int, total: int) -> None:
    """Show nothing."""
