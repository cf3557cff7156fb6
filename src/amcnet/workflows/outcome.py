"""The outcome of one file of many: a result, or one sentence with the reason of the failure."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from amcnet.errors import in_words

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """The outcome of one file.

    Exactly one of ``result`` and ``error`` is None.

    Attributes:
        source: The processed file, or folder of DICOM images.
        result: Result of the workflow; None if it failed.
        error: Reason for the failure in one sentence; None on success.
        seconds: Wall-clock time.

    >>> Outcome(Path("scan.nrrd"), result=38).error is None
    True
    """

    source: Path
    result: Result | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.error is not None


def run_for_file(source: Path, work: Callable[[], Result], *others: Path) -> Outcome[Result]:
    """Return the outcome of ``work()``: an exception becomes one sentence that names a file.

    An unforeseen exception is also logged with its traceback, see :func:`amcnet.errors.in_words`.

    Args:
        source: The processed file.
        work: Returns the result.
        others: Further files that the sentence may name instead, such as the output.
    """
    started = time.monotonic()
    try:
        result = work()
    except Exception as problem:
        error = in_words(problem, source, *others)
        return Outcome(source, error=error, seconds=time.monotonic() - started)
    return Outcome(source, result, seconds=time.monotonic() - started)
